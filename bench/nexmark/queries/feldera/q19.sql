-- Top ten: the ten highest bids of each auction, with their places.
CREATE VIEW q19 AS
SELECT auction, bidder, price, channel, url, date_time, extra, place
FROM (
    SELECT
        auction, bidder, price, channel, url, date_time, extra,
        ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place
    FROM bid
) AS ranked
WHERE place <= 10;
