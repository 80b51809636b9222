-- Log: every bid with its day and its minute as text, as a partitioned log would need them.
CREATE VIEW q10 AS
SELECT auction, bidder, price, date_time, extra, FORMAT_TIMESTAMP('%Y-%m-%d', date_time) AS bid_day, FORMAT_TIMESTAMP('%H:%M', date_time) AS bid_minute
FROM bid;
