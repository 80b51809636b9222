-- Auction statistics: bids per auction and day in three price ranks, with their least, highest, average and total price.
-- AVG of a BIGINT truncates to BIGINT in Feldera and Flink, and is a DOUBLE in DuckDB: divide whole numbers instead.
SELECT
    auction,
    strftime(date_time, '%Y-%m-%d') AS bid_day,
    COUNT(*) AS total_bids,
    COUNT(*) FILTER (WHERE price < 10000) AS rank1_bids,
    COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
    COUNT(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
    MIN(price) AS min_price,
    MAX(price) AS max_price,
    CAST(SUM(price) // COUNT(*) AS BIGINT) AS avg_price,
    CAST(SUM(price) AS BIGINT) AS sum_price
FROM bid
GROUP BY auction, strftime(date_time, '%Y-%m-%d')
