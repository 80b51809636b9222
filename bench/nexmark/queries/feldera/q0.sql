-- Pass through: what reading, carrying and handing on a bid costs.
CREATE VIEW q0 AS
SELECT auction, bidder, price, date_time, extra
FROM bid;
