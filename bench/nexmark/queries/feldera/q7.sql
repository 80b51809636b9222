-- Highest bid: the bids at the highest price of each 10 seconds (both ends of the window count, as in the reference).
CREATE VIEW q7 AS
SELECT b.auction, b.bidder, b.price, b.date_time, b.extra
FROM bid AS b
JOIN (
    SELECT MAX(price) AS most, window_end AS window_end
    FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(date_time), INTERVAL '10' SECOND))
    GROUP BY window_start, window_end
) AS peak
ON b.price = peak.most
WHERE b.date_time BETWEEN peak.window_end - INTERVAL '10' SECOND AND peak.window_end;
