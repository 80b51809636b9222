-- Currency: the price in another currency, an exact decimal product per row.
SELECT auction, bidder, 0.908 * price AS price, date_time, extra
FROM bid
