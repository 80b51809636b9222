-- The three streams as they are so far, the runner appends each step to them; and the side input of q13.
CREATE TABLE person (
    id BIGINT,
    name VARCHAR,
    emailAddress VARCHAR,
    creditCard VARCHAR,
    city VARCHAR,
    state VARCHAR,
    date_time TIMESTAMP_MS,
    extra VARCHAR
);

CREATE TABLE auction (
    id BIGINT,
    itemName VARCHAR,
    description VARCHAR,
    initialBid BIGINT,
    reserve BIGINT,
    date_time TIMESTAMP_MS,
    expires TIMESTAMP_MS,
    seller BIGINT,
    category BIGINT,
    extra VARCHAR
);

CREATE TABLE bid (
    auction BIGINT,
    bidder BIGINT,
    price BIGINT,
    channel VARCHAR,
    url VARCHAR,
    date_time TIMESTAMP_MS,
    extra VARCHAR
);

CREATE TABLE side_input (
    id BIGINT,
    label VARCHAR
);
