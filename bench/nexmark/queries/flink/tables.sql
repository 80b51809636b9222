-- The three streams and the side input of q13 as folders of CSV files, the runner puts in their paths.
CREATE TABLE person (
    id BIGINT,
    name STRING,
    emailAddress STRING,
    creditCard STRING,
    city STRING,
    state STRING,
    date_time TIMESTAMP(3),
    extra STRING,
    WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{person}', 'format' = 'csv', 'csv.disable-quote-character' = 'true');

CREATE TABLE auction (
    id BIGINT,
    itemName STRING,
    description STRING,
    initialBid BIGINT,
    reserve BIGINT,
    date_time TIMESTAMP(3),
    expires TIMESTAMP(3),
    seller BIGINT,
    category BIGINT,
    extra STRING,
    WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{auction}', 'format' = 'csv', 'csv.disable-quote-character' = 'true');

CREATE TABLE bid (
    auction BIGINT,
    bidder BIGINT,
    price BIGINT,
    channel STRING,
    url STRING,
    date_time TIMESTAMP(3),
    extra STRING,
    WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{bid}', 'format' = 'csv', 'csv.disable-quote-character' = 'true');

CREATE TABLE side_input (
    id BIGINT,
    label STRING
) WITH ('connector' = 'filesystem', 'path' = '{side_input}', 'format' = 'csv', 'csv.disable-quote-character' = 'true');

CREATE VIEW arriving_bid AS SELECT bidder, PROCTIME() AS p_time FROM bid;
