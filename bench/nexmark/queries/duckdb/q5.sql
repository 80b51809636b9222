-- Hot items: the auction with the most bids in the last 10 seconds, looked at every 2 seconds.
-- DuckDB has no HOP: the five windows of a bid are spelled out.
WITH hop AS (
    SELECT auction, started AS window_start, started + INTERVAL '10' SECOND AS window_end
    FROM (
        SELECT auction, UNNEST(range(5)) * INTERVAL '2' SECOND AS back, time_bucket(INTERVAL '2' SECOND, date_time) AS latest
        FROM bid
    ), LATERAL (SELECT latest - back AS started)
)
SELECT hot.auction, hot.num
FROM (
    SELECT auction, COUNT(*) AS num, window_start, window_end
    FROM hop
    GROUP BY auction, window_start, window_end
) AS hot
JOIN (
    SELECT MAX(each_auction.num) AS most, each_auction.window_start, each_auction.window_end
    FROM (
        SELECT COUNT(*) AS num, window_start, window_end
        FROM hop
        GROUP BY auction, window_start, window_end
    ) AS each_auction
    GROUP BY each_auction.window_start, each_auction.window_end
) AS peak
ON hot.window_start = peak.window_start AND hot.window_end = peak.window_end AND hot.num >= peak.most
