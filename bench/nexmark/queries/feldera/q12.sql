-- Bids of each bidder in every 10 seconds. The reference takes the time of processing; here it is that of the bid, so
-- that the answer is determined by the input.
CREATE VIEW q12 AS
SELECT bidder, COUNT(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(date_time), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;
