-- Average selling price of a seller: of each auction's winning bid and the ten before it of the same seller.
SELECT seller, id, CAST(SUM(final) OVER last // COUNT(*) OVER last AS BIGINT) AS avg_final
FROM (
    SELECT id, seller, price AS final, bid_time
    FROM (
        SELECT a.id, a.seller, b.price, b.date_time AS bid_time,
            ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time ASC) AS place
        FROM auction AS a
        JOIN bid AS b ON a.id = b.auction
        WHERE b.date_time BETWEEN a.date_time AND a.expires
    ) AS ranked
    WHERE place <= 1
) AS won
WINDOW last AS (PARTITION BY seller ORDER BY bid_time, id ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
