-- Highest bid: the bids at the highest price of each 10 seconds (both ends of the window count, as in the reference).
SELECT b.auction, b.bidder, b.price, b.date_time, b.extra
FROM bid AS b
JOIN (
    SELECT MAX(price) AS most, time_bucket(INTERVAL '10' SECOND, date_time) + INTERVAL '10' SECOND AS window_end
    FROM bid
    GROUP BY 2
) AS peak
ON b.price = peak.most
WHERE b.date_time BETWEEN peak.window_end - INTERVAL '10' SECOND AND peak.window_end
