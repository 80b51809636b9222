-- Hot items: the auction with the most bids in the last 10 seconds, looked at every 2 seconds.
-- Flink answers a window once, when the watermark has passed it; the others keep open windows current and retract.
SELECT hot.auction, hot.num
FROM (
    SELECT auction, COUNT(*) AS num, window_start, window_end
    FROM TABLE(HOP(TABLE bid, DESCRIPTOR(date_time), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
    GROUP BY auction, window_start, window_end
) AS hot
JOIN (
    SELECT MAX(each_auction.num) AS most, each_auction.window_start, each_auction.window_end
    FROM (
        SELECT COUNT(*) AS num, window_start, window_end
        FROM TABLE(HOP(TABLE bid, DESCRIPTOR(date_time), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
        GROUP BY auction, window_start, window_end
    ) AS each_auction
    GROUP BY each_auction.window_start, each_auction.window_end
) AS peak
ON hot.window_start = peak.window_start AND hot.window_end = peak.window_end AND hot.num >= peak.most
