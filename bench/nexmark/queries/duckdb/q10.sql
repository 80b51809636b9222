-- Log: every bid with its day and its minute as text, as a partitioned log would need them.
SELECT auction, bidder, price, date_time, extra, strftime(date_time, '%Y-%m-%d') AS bid_day, strftime(date_time, '%H:%M') AS bid_minute
FROM bid
