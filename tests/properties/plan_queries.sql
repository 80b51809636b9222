-- Queries over t(id, a, b, c), s(id, x, y, z) and u(k, w), one on a line, that another engine answers in the same way.
select id, (select count(*) from s where s.id=t.id) c from t
select id, (select count(*)+1 from s where s.id=t.a) c from t
select id, (select coalesce(sum(x),-1) from s where s.id=t.a and s.y > 2) c from t
select id, (select count(*) from s where s.x<t.a) c from t
select id, (select max(x) from s where s.x<t.a and s.id=t.id) c from t
select id from t where exists(select 1 from s where s.id=t.id and s.x>t.a)
select id from t where not exists(select 1 from s where s.id=t.id and s.x>t.a)
select id from t where not exists(select 1 from s where s.x=t.a)
select id from t where exists(select 1 from s where y > 100)
select id from t where not exists(select 1 from s where y > 100)
select id from t where id in (select id from s)
select id from t where a in (select x from s)
select id from t where a not in (select x from s)
select id from t where a not in (select x from s where x is not null)
select id from t where a not in (select x from s where y > 100)
select id, a in (select x from s) r from t
select id, a in (select x from s where s.y = t.c) r from t
select id, a not in (select x from s where s.y > t.c) r from t
select id, id in (select y from s) r from t
select id from t where a not in (select x from s where s.id=t.id)
select id from t where id not in (select y from s where y<t.a)
select id from t where (a, c) in (select x, y from s)
select id, exists(select 1 from s where s.y < t.a) from t
select id, not exists(select 1 from s where s.id = t.a) from t
select a, sum(id) s, count(*) from t group by a having sum(id) > (select max(y) from s)
select a, (select sum(x) from s where s.id = t.a) from t group by a
select a, max((select sum(x) from s where s.id = t.id)) from t group by a
select id, (select x from s where s.id=t.id order by y, x nulls first, z nulls first limit 1) from t
select a, b, sum(id), grouping(a) from t group by rollup(a,b)
select a, b, count(*), sum(c) from t group by cube(a,b)
select a, b, count(*) from t group by grouping sets((a),(b),())
select count(*), sum(a) from t group by grouping sets(())
select t.id, t.a, l.sx from t, lateral (select sum(x) sx from s where s.id = t.id) l
select t.id, l.y from t, lateral (select y from s where s.id = t.id and s.x > t.a) l
select t.id, l.y from t left join lateral (select y from s where s.id = t.id and s.x > t.a) l on true
select id from t where a > (select avg(x) from s s2 where s2.id = t.id)
select t1.id from t t1 where exists (select 1 from t t2 where t2.a = t1.a and exists (select 1 from s where s.id = t2.id and s.x = t1.c))
select t1.id from t t1 where exists (select 1 from t t2 where t2.a = t1.a and not exists (select 1 from s where s.id = t2.id and s.x < t1.c))
select id+1 x, c*2 y from t where id+1 > 3 and b <> 'p'
select distinct a, c from t
select * from t join s using(id)
select t.id, s.id, x from t left join s on t.id = s.id and s.x > 2
select t.id, s.id, x from t left join s on t.id = s.id and t.a > 2
select t.id, s.id, x from t left join s on t.id = s.id where s.x is null
select t.id, s.id, x from t right join s on t.id = s.id and t.a > 2 where s.y > 1
select t.id, s.id, x from t full join s on t.id = s.id and t.a > s.x
select t.id, s.id, x from t full join s on t.id = s.id where t.id > 1
select t.id, s.id from t, s where t.id = s.id and t.a < s.x
select t.id, s.id from t, s where t.a = s.x or t.id = s.id
select t.id from t, s, u where t.id = s.id and s.x = u.k and u.w > 1
select * from t natural join s
select id from t union select y from s
select a from t union all select x from s
select a from t intersect select x from s
select a from t except select x from s
select a from t intersect all select x from s
select a from t except all select x from s
select id, case when a > 1 then 'x' when c > 2 then 'yyy' else b end from t
select a%2 k, count(*) n from t group by a%2 having count(*) > 1
select a, count(*) from t group by 1
select q.a, q.n from (select a, count(*) n from t group by a) q where q.a > 1
select q.a from (select a, count(*) n, sum(c) s from t group by a) q where q.n > 1 and q.a is not null
select max(id) filter(where a>1), min(b), count(distinct a) from t
with c as (select id, a from t where a > 0) select c1.id, c2.id from c c1, c c2 where c1.a=c2.a
with c as (select id, count(*) n from s group by id) select t.id, c.n from t left join c on t.id=c.id
select id, b from t where a between 1 and 3 and b in ('p','q')
select id, row_number() over (partition by a order by id, b, c nulls first) from t
select * from (select id, b, c, row_number() over (partition by a order by id, b, c nulls first) rn from t) q where rn <= 2
select id, rn from (select id, rank() over (partition by b order by c desc nulls last) rn from t) q where rn < 3 and id > 1
select id, rn from (select id, dense_rank() over (partition by b order by c desc nulls last) rn from t) q where rn = 2
select id, sum(c) over (partition by b order by id) from t
select id, b, sum(id) over (partition by b) s from t qualify s > 5
select b, sum(sum(id)) over () from t group by b
select id, lag(id) over (partition by b order by id) from t where c is not null
select id, a from t order by id, a nulls first, b, c nulls first limit 5
select id, a from t order by c desc nulls last, id, a nulls first, b limit 3 offset 2
select distinct a from t order by a nulls last limit 3
select b, x from t join (select y, x from s where x > 1) q on t.id = q.y where b = 'p'
select id from t where a = (select max(x) from s)
select id from t where a > (select count(*) from s where s.id = t.id) and c < (select max(y) from s where s.z = t.b)
select id, (select count(*) from s, u where s.id = t.id and u.k = s.x) n from t
select id, (select count(distinct s.z) from s left join u on s.x = u.k where s.id = t.id) n from t
select id from t where exists (select 1 from s group by y having y = t.c and count(*) > 1)
select id from t where exists (select s.id from s where s.id = t.id union select u.k from u where u.k = t.a)
select id, (select count(*) from (select x from s where s.id = t.id union all select k from u where u.k = t.a) q) n from t
select b, count(*) from t where id in (select id from s where x in (select k from u)) group by b
select case when exists (select 1 from s where s.id = t.id) then 1 when a in (select k from u) then 2 else 3 end from t
select t.id from t where coalesce((select max(x) from s where s.id = t.id), 0) = coalesce(t.a, 0)
select t.id, (select count(*) from s where s.id = t.id and s.z = t.b and s.y >= t.c) from t
select x.id, y.id from (select * from t where a > 1) x join (select * from s where y > 1) y on x.id = y.id and x.c is not distinct from y.x
select a, c, count(*) from t where a is not null group by all
select id from t where not (a > 1 and c < 3)
select b, bool_or(a > 1), bool_and(c > 0) from t group by b
select distinct b, max(a) from t group by b
select sum(n) from (select count(*) n from t union all select count(*) from s) q
select id from t where id in (select y from s where s.x > (select min(k) from u where u.w = s.y))
select count(*) from t, s
select t.id, v.k from t, (values (1,'p'),(2,'q')) as v(k, l) where t.b = v.l
select 1 as one, 'x' as t
select id, a from t where (select count(*) from u) > 2
select b, sum(a) filter (where c > 1) from t group by b having count(*) filter (where c > 1) > 0
select t.id from t join s on t.id = s.id and t.a in (select k from u)
select id from t where exists (select 1 from s where s.id = t.id limit 1)
select id from t t1 where a >= (select max(a) from t t2 where t2.b = t1.b)
select id, (select sum(w) from u where u.k = t.a or u.k = t.c) from t
select g, count(*) from (select a is null as g from t) q group by g
select id, (select (select count(*) from u where u.k = s.x and u.w = t.c) from s where s.id = t.id order by s.y, s.x nulls first,s.z nulls first limit 1) from t
select id from t where a is distinct from c
select t.b, (select count(*) from s where s.z = t.b) n, count(*) from t group by t.b
select t.b from t group by t.b having exists (select 1 from s where s.z = t.b)
select t.b from t group by t.b having t.b not in (select z from s where z is not null)
select t.b, sum(a) from t group by t.b order by 2 desc nulls last, 1 limit 2
select q.id from (select id, a from t order by id, a, b, c limit 4) q where q.a > 0
select q.b, q.m from (select b, max(c) m from t group by b) q join (select b, max(c) m from t group by b) r on q.m = r.m
select a from t where a > 0 union select x from s where x > 0 union all select k from u
(select a from t order by a nulls first limit 2) union all (select x from s order by x nulls last limit 2)
select a as z, z + 1 as y from t
select coalesce(t.id, s.id) from t full join s on t.id = s.id and t.a = s.x where coalesce(t.a, 0) < 3
select count(*) from (select distinct b from t) q
select t.id, q.n from t left join (select id, count(*) n from s where y > 0 group by id having count(*) > 1) q on q.id = t.id where coalesce(q.n, 0) < 3
select a, b from t group by a, b having a > (select min(x) from s where s.z = b)
select a+1 as k, count(*) from t group by a+1 having a+1 > 2
select (a+1)*2, count(*) from t group by a+1
select b, count(*) c from t group by b having c > 1
select t.b, row_number() over (order by count(*) desc, t.b) from t group by t.b
select b, sum(a), rank() over (order by sum(a) desc nulls last) from t group by b
select a, count(*) from t group by a order by count(*) desc, a nulls first limit 2
select t.id from t left join (select id from s where y > 2) q on q.id = t.id and q.id in (1,2,3) where q.id is null
select id from t where exists (select 1 from s where s.id = t.id or s.x = t.a)
select id, (select max(x) from s where s.id = t.id or s.x = t.a) from t
select id, (select count(*) from s where s.id = t.id having count(*) > 1) from t
select id, (select count(*) from s where s.id = t.id group by s.id) from t
select id, (select count(*) from s where s.y > 0 and (s.id = t.id and s.x > 1)) from t
select id from t where a in (select x from s where s.id = t.id union select k from u where u.w = t.c)
select id, a in (select x from s where s.id = t.id union select k from u) from t
select id from t where (select max(x) from s where s.id = t.id) is null
select id from t where not (a in (select x from s))
select id from t where not (a not in (select x from s))
select id from t where (a in (select x from s)) is null
select id from t where a in (select x from s) or id = 1
select id from t where a in (select x from s) and exists (select 1 from u where u.k = t.c) and b <> 'q'
select id from (select id, a, (select count(*) from s where s.id = t.id) n from t) q where n > 0 and a is not null
select id from t where id in (select id from s where id in (select id from t t2 where t2.a = t.a))
select id, (select sum(y) from (select y from s where s.id = t.id order by y desc limit 2) q) from t
select id, (select sum(y) from (select distinct y from s where s.id = t.id) q) from t
select id, (select sum(n) from (select s.x, count(*) n from s where s.id = t.id group by s.x) q) from t
select id, (select max(n) from (select s.x, count(*) n from s where s.y < t.a group by s.x) q) from t
select id, (select max(q.rn) from (select row_number() over (order by y, x, z) rn from s where s.id = t.id) q) from t
select id, (select count(*) from s join u on s.x = u.k and u.w = t.a where s.id = t.id) from t
select id, (select count(u.k) from s left join u on s.x = u.k and u.w = t.a where s.id = t.id) from t
select id, (select count(*) from s right join u on s.x = u.k and s.id = t.id) from t
select id, (select count(*) from s where not exists (select 1 from u where u.k = s.x and u.w = t.a)) from t
select id, (select count(*) from s where s.x in (select k from u where u.w = t.a)) from t
select id, (select count(*) from s where s.x not in (select k from u where u.w = t.a)) from t
select t.id, q.m from t, lateral (select max(x) m, count(*) n from s where s.y < t.a) q where q.n > 0
select t.id, q.x, r.k from t, lateral (select x from s where s.id = t.id) q, lateral (select k from u where u.w = q.x) r
select t.id, q.x from t, lateral (select x from s where s.id = t.id order by x nulls last, y, z limit 1) q
select t.id, q.n from t left join lateral (select count(*) n from s where s.id = t.id and s.x = t.a) q on true
select b, count(*) from t where a > (select avg(id) from s) group by b
select t1.id from t t1, t t2 where t1.a = t2.c and t1.b = t2.b and t1.id < t2.id
select * from (select id, a from t) p join (select id, x from s) q on p.id = q.id join u on u.k = q.x
select p.id from t p left join s q on p.id = q.id left join u r on q.x = r.k where r.k is null
select p.id, r.w from t p left join (s q join u r on q.x = r.k) on p.id = q.id
select count(*) from (select id from t except select id from s) q
select id from t except (select id from s intersect select y from s)
select id, a from t union select id, x from s order by 1, 2 nulls first limit 3
select b, min(a), max(a), count(a), count(distinct c), sum(distinct a) from t group by b
select b, c, count(*) from t group by rollup(b, c) having count(*) > 1
select coalesce(b, 'all') bb, sum(id) from t group by rollup(b)
select b, grouping(b), sum(a) from t group by grouping sets ((b), ())
select case when grouping(b) = 1 then 'total' else b end k, count(*) from t group by rollup(b)
select b is null, count(*) from t group by cube(b, a) having grouping(a) = 1
select id from t where 1 = 1
select id from t where 1 = 0
select id from t where null
select count(*) from t where 1 = 0
select sum(a) from t where 1 = 0 having count(*) > 0
select b, count(*) from t where 1 = 0 group by b
select 1 from t having count(*) > 2
select max(a) + min(a) from t
select max(a) - (select max(x) from s) from t
select id, lag(a, 1, -1) over (partition by b order by id, a nulls first, c nulls first) from t
select id, first_value(id) over (partition by b order by id) from t
select b, sum(c) filter (where a > 1), count(*) filter (where a is null) from t group by b
select distinct on (b) b, id, a from t order by b, id, a nulls first, c nulls first
select q.b from (select distinct b, a from t) q where q.a > 1
select x from (select a as x, c as y from t union all select x, y from s) q where q.y > 2
select x, count(*) from (select a as x, c as y from t union all select x, y from s) q where q.y > 2 group by x
select id from t where id * 2 + 1 > (select count(*) from u)
with a1 as (select id, a from t), b1 as (select id, count(*) n from a1 group by id) select a1.id, b1.n from a1 join b1 on a1.id = b1.id where b1.n > 1
with q(i, j) as (select id, a from t) select i from q where j = (select max(j) from q)
with q as (select b, sum(a) sa from t group by b) select * from q where sa = (select max(sa) from q)
select t.*, s.x from t join s on s.id = t.id
select id + 0.5 from t
select id from t where b like 'p%' or b = 'r'
select case b when 'p' then 1 when 'q' then 2 end from t
select nullif(a, 1), coalesce(a, c, 0) from t
select id from t where a = any (select x from s)
select id from t where a <> all (select x from s where x is not null)
select id from t where (select count(*) from s where s.id = t.id) = (select count(*) from u where u.k = t.id)
select sum(n) from (select b, (select count(*) from s where s.z = t.b) n from t) q
select z, max(n) from (select s.z, (select count(*) from t where t.b = s.z) n from s) q group by z
select id from t where exists (select * from (select x from s where s.id = t.id) q where q.x > t.a)
select id from t where exists (select 1 from s, u where s.id = t.id and u.k = t.a)
select id from t where exists (select 1 from s where s.id = t.id and exists (select 1 from u where u.k = s.x and u.w = t.a))
select id from t where not exists (select 1 from s where s.id = t.id and not exists (select 1 from u where u.k = s.x and u.w = t.a))
select id, (select x from s where s.y = t.id limit 1) is null from t where id not in (select y from s)
select a from (select a, c from t where a > 1) q group by a having max(c) > 1
select r.b from (select b, row_number() over (partition by b order by id) rn, id from t) r where r.rn = 1 and r.id > 1
select r.b, r.rn from (select b, c, row_number() over (partition by b order by id, a nulls first, c nulls first) rn, id from t) r where r.rn <= 2 and r.rn >= 2
select b, id from (select b, id, count(*) over (partition by b) n from t) q where n > 2
select id, count(*) from t full join s using (id) group by id
select id, b, x from t join s using (id) where id > 1
select id, b, x, w from t left join s using (id) left join u on u.k = id
select id, t.id, s.id from t right join s using (id)
select (select max(x) from s) from t where exists (select t.a from s where t.b > 'p')
select count(*) from t where exists (select 1 from s where y > 2)
select (select count(*) from s, u) from t
select count(*) from (select 1 as one from t where b = 'p') q, (select 2 as two from s where x > 1) r
select t.id from t left join (select 1 as one from s where x > 1) r on t.id = r.one
select a, exists (select 1 from s where s.id = t.id) e, count(*) from t where a is not null group by all
select exists (select 1 from s where s.id = t.id) e, count(*) from t group by exists (select 1 from s where s.id = t.id)
select a in (select x from s) as e, count(*) from t group by a in (select x from s)
select (select max(x) from s where s.id = t.id) m, count(*) from t group by (select max(x) from s where s.id = t.id)
select b, (select max(x) from s where s.id = t.id) + (select max(x) from s where s.id = t.id) from t
select id, (select max(x) from s where s.id = t.id) m, (select max(x) from s where s.id = t.a) n from t
select id, exists (select 1 from s where s.id = t.id) e, exists (select 1 from s where s.id = t.id and y > 2) f from t
SELECT id, a > ANY (SELECT x FROM s) e, a <= ALL (SELECT y FROM s WHERE s.id = t.id) f FROM t
SELECT id FROM t WHERE a <> ANY (SELECT x FROM s WHERE s.id = t.id)
SELECT id FROM t WHERE NOT a < ALL (SELECT w FROM u)
SELECT id FROM t WHERE a = ALL (SELECT x FROM s WHERE s.id = t.id)
SELECT id, count(*) FROM t GROUP BY id HAVING count(*) >= ALL (SELECT w FROM u)
SELECT t.id, u.w, s.y FROM t, u, s WHERE t.id = s.id AND s.x = u.k AND t.a + u.w > 1
select t.id, t.a from t join (select b, max(a) m from t group by b) p on t.b = p.b and t.a >= p.m
select g.* from (select a, b, count(*) n from t group by a, b) g join (select b, max(n) m from (select a, b, count(*) n from t group by a, b) h group by b) p on g.b = p.b and g.n >= p.m
select id, x from s where x = (select min(x) from s)
select id, x from s s1 where x = (select max(x) from s s2 where s2.z = s1.z)
select id from s where (z, x) in (select z, max(x) from s group by z)
