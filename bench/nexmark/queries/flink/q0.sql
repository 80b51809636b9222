-- Pass through: what reading, carrying and handing on a bid costs.
SELECT auction, bidder, price, date_time, extra
FROM bid
