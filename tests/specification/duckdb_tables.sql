-- The second witness: every table behind `received_events`, said again in SQL for DuckDB, for more rows than the
-- specification in Python can take. Reads the views `received` (rows of `received_events`, times without a zone),
-- `crawlers` and `http_clients` (user agents that are one's) and `shop` (one row, its `shops_currency` and whether its
-- ids are per site); makes a table of each name.

CREATE TABLE clean_once AS
SELECT *, date_trunc('hour', event_time) AS event_hour, event_time::DATE AS day, epoch_us(event_time) AS us,
       event_name = 'Purchase' AS is_purchase, event_name = 'Refund' AS is_refund,
       -- What is paid in another currency than the shop's is no money.
       coalesce(price IS NOT NULL AND currency <> shops_currency, false) AS is_foreign,
       CASE WHEN NOT is_foreign THEN price END AS amount,
       {'site': CASE WHEN ids_per_site THEN pixel_id END, 'user_id': user_id} AS person
FROM received CROSS JOIN shop
QUALIFY row_number() OVER (
    PARTITION BY date_trunc('hour', event_time), click_id
    ORDER BY received_at, insertion_timestamp NULLS LAST, user_id, event_time, event_name, pixel_id NULLS LAST,
             product_id NULLS LAST, price NULLS LAST, time_on_data NULLS LAST, signbit(time_on_data),
             percent_viewed NULLS LAST, signbit(percent_viewed), user_ip NULLS LAST, source_ip NULLS LAST,
             user_agent NULLS LAST, request_id NULLS LAST, extra NULLS LAST, sent_at NULLS LAST,
             anonymous_id NULLS LAST, page_url NULLS LAST, referrer NULLS LAST, utm_source NULLS LAST,
             utm_medium NULLS LAST, utm_campaign NULLS LAST, currency NULLS LAST, sent_event_name NULLS LAST,
             clock_corrected, unread_fields NULLS LAST) = 1;

CREATE TABLE marked AS
SELECT *, coalesce(user_agent IN (SELECT user_agent FROM crawlers), false) AS by_agent,
       coalesce(user_agent IN (SELECT user_agent FROM http_clients), false) AS by_client,
       user_agent IS NULL AND source_ip IS NOT NULL AND request_id IS NOT NULL AS by_silence,
       count(*) OVER of_user > 1000 AS by_rate,
       count(*) OVER of_user > 100
           AND max(event_time) OVER of_user < min(event_time) OVER of_user + INTERVAL 1 SECOND AS by_instant
FROM clean_once
WINDOW of_user AS (PARTITION BY person, event_hour);

-- Every event of a user in order, with the time since the one before.
CREATE TABLE ordered AS
SELECT *, by_agent OR by_rate OR by_instant AS is_bot,
       list_filter(['crawler_user_agent', 'rate', 'instant', 'http_client', 'no_user_agent'], lambda reason:
           CASE reason WHEN 'rate' THEN by_rate WHEN 'instant' THEN by_instant WHEN 'http_client' THEN by_client
                       WHEN 'no_user_agent' THEN by_silence ELSE by_agent END) AS bot_reasons,
       us - lag(us) OVER in_order AS gap_us,
       lag(day) OVER in_order AS day_before,
       row_number() OVER in_order AS place,
       -- Of events at one time, one that is not a bot's starts the session that counts without bots.
       coalesce(us - lag(us) OVER people_first > 1_800_000_000, true) AS starts_session
FROM marked
WINDOW in_order AS (PARTITION BY person ORDER BY event_time, received_at, click_id),
       people_first AS (PARTITION BY person ORDER BY event_time, by_agent OR by_rate OR by_instant);

CREATE TABLE clean_events AS SELECT * FROM ordered;

CREATE TABLE event_ledger AS
SELECT event_hour, received, clean, received - clean AS duplicates
FROM (SELECT date_trunc('hour', event_time) AS event_hour, count(*) AS received FROM received GROUP BY 1)
JOIN (SELECT event_hour, count(*) AS clean FROM ordered GROUP BY 1) USING (event_hour);

CREATE TABLE hourly_event_counts AS
SELECT event_hour, event_name, count(*) AS events, count(DISTINCT person) AS users,
       count(*) FILTER (NOT is_bot) AS events_without_bots,
       count(DISTINCT person) FILTER (NOT is_bot) AS users_without_bots
FROM ordered GROUP BY ALL;

CREATE TABLE hourly_traffic AS
WITH both_ways AS (
    SELECT *, '' AS suffix FROM ordered UNION ALL SELECT *, 'people' FROM ordered WHERE NOT is_bot
), counted AS (
    SELECT event_hour, suffix, count(*) AS events, count(DISTINCT person) AS users,
           count(*) FILTER (starts_session) AS sessions_started,
           count(*) FILTER (event_name = 'Search') AS searches,
           count(*) FILTER (event_name = 'ViewContent') AS views,
           count(*) FILTER (event_name = 'AddToCart') AS carts,
           count(*) FILTER (is_purchase) AS purchases,
           coalesce(sum(amount) FILTER (is_purchase), 0) AS revenue,
           count(*) FILTER (is_purchase AND price IS NULL) AS purchases_without_price,
           count(*) FILTER (is_refund) AS refunds,
           coalesce(sum(amount) FILTER (is_refund), 0) AS refunded,
           count(*) FILTER (is_purchase AND is_foreign) AS purchases_in_other_currency
    FROM both_ways GROUP BY ALL
)
SELECT everything.* EXCLUDE (suffix),
       coalesce(people.events, 0) AS events_without_bots,
       coalesce(people.users, 0) AS users_without_bots,
       coalesce(people.sessions_started, 0) AS sessions_started_without_bots,
       coalesce(people.searches, 0) AS searches_without_bots,
       coalesce(people.views, 0) AS views_without_bots,
       coalesce(people.carts, 0) AS carts_without_bots,
       coalesce(people.purchases, 0) AS purchases_without_bots,
       coalesce(people.revenue, 0) AS revenue_without_bots,
       coalesce(people.purchases_without_price, 0) AS purchases_without_price_without_bots,
       coalesce(people.refunds, 0) AS refunds_without_bots,
       coalesce(people.refunded, 0) AS refunded_without_bots,
       coalesce(people.purchases_in_other_currency, 0) AS purchases_in_other_currency_without_bots
FROM (FROM counted WHERE suffix = '') AS everything
LEFT JOIN (FROM counted WHERE suffix = 'people') AS people USING (event_hour);

CREATE VIEW of_products AS
FROM ordered WHERE product_id IS NOT NULL AND event_name IN ('ViewContent', 'AddToCart', 'Purchase', 'Refund');

CREATE TABLE hourly_product_stats AS
SELECT event_hour, product_id,
       count(*) FILTER (event_name = 'ViewContent') AS views,
       count(*) FILTER (event_name = 'AddToCart') AS carts,
       count(*) FILTER (is_purchase) AS purchases,
       coalesce(sum(amount) FILTER (is_purchase), 0) AS revenue,
       count(*) FILTER (event_name = 'ViewContent' AND NOT is_bot) AS views_without_bots,
       count(*) FILTER (event_name = 'AddToCart' AND NOT is_bot) AS carts_without_bots,
       count(*) FILTER (is_purchase AND NOT is_bot) AS purchases_without_bots,
       coalesce(sum(amount) FILTER (is_purchase AND NOT is_bot), 0) AS revenue_without_bots,
       count(*) FILTER (is_refund) AS refunds,
       coalesce(sum(amount) FILTER (is_refund), 0) AS refunded,
       count(*) FILTER (is_refund AND NOT is_bot) AS refunds_without_bots,
       coalesce(sum(amount) FILTER (is_refund AND NOT is_bot), 0) AS refunded_without_bots
FROM of_products GROUP BY ALL;

-- A user's day without a break: from midnight to midnight no more than 30 minutes without an event.
CREATE TABLE gapless AS
SELECT person, day FROM ordered GROUP BY ALL
HAVING min(us) - epoch_us(day::TIMESTAMP) <= 1_800_000_000
   AND epoch_us(day::TIMESTAMP + INTERVAL 1 DAY) - max(us) <= 1_800_000_000
   AND coalesce(max(gap_us) FILTER (day_before = day), 0) <= 1_800_000_000;

-- The host of a page's address, nothing if there is none: the authority, without user-info, then without port.
CREATE MACRO authority_of(url) AS regexp_extract(url, '^[[:alpha:]][[:alnum:]+.-]*:(//[^/?#]*)', 1);
CREATE MACRO place_of(url) AS regexp_replace(authority_of(url)[3:], '^[^\\]*@', '');
CREATE MACRO host_of(url) AS CASE
    WHEN regexp_full_match(place_of(url), '(\[[[:xdigit:]:.]+\]|([[:alnum:]._-]|[^[:ascii:]])+)(:[[:digit:]]*)?')
    THEN translate(regexp_replace(place_of(url), ':[0-9]*$', ''),
                   'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') END;

CREATE TABLE sessions AS
WITH cut AS (
    SELECT ordered.*, gap_us IS NULL OR gap_us > 1_800_000_000 AS natural_start,
           natural_start OR (ordered.day > day_before AND gapless.day IS NOT NULL) AS is_start
    FROM ordered LEFT JOIN gapless ON gapless.person IS NOT DISTINCT FROM ordered.person AND gapless.day = ordered.day_before
), numbered AS (
    SELECT *, sum(is_start::INT) OVER (PARTITION BY person ORDER BY place) AS number FROM cut
)
SELECT person, person.user_id AS user_id, min(event_time) AS session_start, max(event_time) AS session_end,
       NOT arg_min(natural_start, place) AS continued,
       count(*) AS events,
       count(*) FILTER (event_name = 'Search') AS searches,
       count(*) FILTER (event_name = 'ViewContent') AS views,
       count(*) FILTER (event_name = 'AddToCart') AS carts,
       count(*) FILTER (is_purchase) AS purchases,
       coalesce(sum(amount) FILTER (is_purchase), 0) AS revenue,
       arg_min(event_name, place) AS landing_event_name,
       first(product_id ORDER BY place) AS landing_product_id,
       first(pixel_id ORDER BY place) AS landing_pixel_id,
       first(page_url ORDER BY place) AS landing_page_url,
       first(nullif(host_of(referrer), host_of(page_url)) ORDER BY place) AS landing_referrer_host,
       first(utm_source ORDER BY place) AS landing_utm_source,
       first(utm_medium ORDER BY place) AS landing_utm_medium,
       first(utm_campaign ORDER BY place) AS landing_utm_campaign,
       person.site AS site,
       bool_or(NOT is_bot) AS of_people, bool_or(is_purchase AND NOT is_bot) AS bought_by_people
FROM numbered GROUP BY person, number;

CREATE TABLE user_days AS
SELECT day, person, person.user_id AS user_id, person.site AS site, min(event_time) AS first_event,
       max(event_time) AS last_event, count(*) AS events
FROM ordered GROUP BY ALL;

-- New is who was last there more than 90 days ago, or never.
CREATE TABLE new_on AS
SELECT day, person FROM user_days
QUALIFY coalesce(day - lag(day) OVER (PARTITION BY person ORDER BY day) > 90, true);

CREATE TABLE daily_traffic AS
WITH events_of AS (
    SELECT day, count(*) AS events, count(DISTINCT person) AS users,
           count(DISTINCT person) FILTER (NOT is_bot) AS users_without_bots,
           count(*) FILTER (is_purchase) AS purchases,
           coalesce(sum(amount) FILTER (is_purchase), 0) AS revenue,
           count(*) FILTER (is_purchase AND price IS NULL) AS purchases_without_price,
           count(*) FILTER (is_purchase AND amount IS NOT NULL) AS orders,
           count(*) FILTER (is_refund) AS refunds,
           coalesce(sum(amount) FILTER (is_refund), 0) AS refunded,
           count(*) FILTER (is_purchase AND is_foreign) AS purchases_in_other_currency
    FROM ordered GROUP BY day
), sessions_of AS (
    SELECT session_start::DATE AS day, count(*) AS sessions, count(*) FILTER (events = 1) AS bounces,
           count(*) FILTER (purchases > 0) AS converted_sessions,
           count(*) FILTER (of_people) AS sessions_without_bots,
           count(*) FILTER (bought_by_people) AS converted_sessions_without_bots
    FROM sessions WHERE NOT continued GROUP BY ALL
), new_of AS (
    SELECT day, count(*) AS new_users FROM new_on GROUP BY day
)
SELECT day, events, users, coalesce(new_users, 0) AS new_users, users - coalesce(new_users, 0) AS returning_users,
       coalesce(sessions, 0) AS sessions, coalesce(bounces, 0) AS bounces,
       bounces / sessions AS bounce_share, coalesce(converted_sessions, 0) AS converted_sessions,
       converted_sessions / sessions AS conversion, purchases, revenue, purchases_without_price,
       -- In whole cents, since DuckDB divides decimals as doubles.
       CASE WHEN orders > 0
            THEN (((revenue * 200)::HUGEINT + orders) // (2 * orders))::DECIMAL(36, 0) * 0.01::DECIMAL(2, 2) END
           AS average_order,
       refunds, refunded, purchases_in_other_currency, users_without_bots,
       coalesce(sessions_without_bots, 0) AS sessions_without_bots,
       coalesce(converted_sessions_without_bots, 0) AS converted_sessions_without_bots,
       CASE WHEN sessions_without_bots > 0 THEN converted_sessions_without_bots / sessions_without_bots END
           AS conversion_without_bots
FROM events_of LEFT JOIN sessions_of USING (day) LEFT JOIN new_of USING (day);

CREATE TABLE daily_funnel AS
WITH searched AS (
    SELECT day, person, min(us) AS t FROM ordered WHERE event_name = 'Search' GROUP BY ALL
), viewed AS (
    SELECT day, person, min(us) AS t, any_value(before.t) AS t_before
    FROM ordered JOIN searched AS before USING (day, person)
    WHERE event_name = 'ViewContent' AND us >= before.t GROUP BY ALL
), carted AS (
    SELECT day, person, min(us) AS t, any_value(before.t) AS t_before
    FROM ordered JOIN viewed AS before USING (day, person)
    WHERE event_name = 'AddToCart' AND us >= before.t GROUP BY ALL
), purchased AS (
    SELECT day, person, min(us) AS t, any_value(before.t) AS t_before
    FROM ordered JOIN carted AS before USING (day, person)
    WHERE is_purchase AND us >= before.t GROUP BY ALL
), walked AS (
    SELECT day, 1 AS step, NULL::BIGINT AS wait FROM searched
    UNION ALL SELECT day, 2, t - t_before FROM viewed
    UNION ALL SELECT day, 3, t - t_before FROM carted
    UNION ALL SELECT day, 4, t - t_before FROM purchased
), steps(step, event_name) AS (
    VALUES (1, 'Search'), (2, 'ViewContent'), (3, 'AddToCart'), (4, 'Purchase')
)
SELECT day, step, event_name,
       (SELECT count(*) FROM walked WHERE walked.day = days.day AND walked.step = steps.step) AS users_in_order,
       (SELECT count(DISTINCT person) FROM ordered
        WHERE ordered.day = days.day AND ordered.event_name = steps.event_name) AS users_in_any_order,
       (SELECT median(wait) / 1e6 FROM walked WHERE walked.day = days.day AND walked.step = steps.step)
           AS median_seconds
FROM (SELECT DISTINCT day FROM ordered) AS days, steps;

CREATE TABLE daily_retention AS
WITH cohorts AS (
    SELECT day AS cohort_day, count(*) AS cohort_users FROM new_on GROUP BY ALL
), active AS (
    SELECT new_on.day AS cohort_day, user_days.day, count(*) AS active_users
    FROM new_on JOIN user_days USING (person)
    WHERE user_days.day BETWEEN new_on.day AND new_on.day + 30 GROUP BY ALL
)
SELECT days.day, cohort_day, days.day - cohort_day AS age, cohort_users, coalesce(active_users, 0) AS active_users
FROM (SELECT DISTINCT day FROM user_days) AS days
JOIN cohorts ON days.day BETWEEN cohort_day AND cohort_day + 30
LEFT JOIN active USING (day, cohort_day);

CREATE TABLE daily_product_stats AS
SELECT day, product_id, count(DISTINCT person) AS users,
       count(*) FILTER (event_name = 'ViewContent') AS views,
       count(*) FILTER (event_name = 'AddToCart') AS carts,
       count(*) FILTER (is_purchase) AS purchases,
       coalesce(sum(amount) FILTER (is_purchase), 0) AS revenue,
       count(*) FILTER (is_refund) AS refunds,
       coalesce(sum(amount) FILTER (is_refund), 0) AS refunded
FROM of_products GROUP BY ALL;

CREATE TABLE daily_sources AS
WITH of_source AS (
    SELECT session_start::DATE AS day, ifnull(landing_utm_source, ifnull(landing_referrer_host, 'direct')) AS source,
           landing_utm_medium AS medium, person, revenue, NOT continued AS whole, whole AND purchases > 0 AS converted
    FROM sessions
)
SELECT day, source, medium, sum(whole::INT) AS sessions, count(DISTINCT person) AS users,
       sum(converted::INT) AS converted_sessions,
       CASE WHEN bool_or(whole) THEN sum(converted::INT) / sum(whole::INT) END AS conversion, sum(revenue) AS revenue
FROM of_source GROUP BY ALL;

-- The path of each session, from its start to its end, over the twenty names with the most events of its day.
CREATE TABLE daily_transitions AS
WITH shown AS (
    SELECT day, event_name FROM ordered WHERE event_name NOT IN ('(start)', '(end)', '(other)') GROUP BY day, event_name
    QUALIFY rank() OVER (PARTITION BY day ORDER BY count(*) DESC, event_name) <= 20
), walked AS (
    SELECT session_start::DATE AS day, sessions.person AS person, session_start,
           ['(start)'] || list(ifnull(shown.event_name, '(other)') ORDER BY place) || ['(end)'] AS path
    FROM sessions
    JOIN ordered ON ordered.person IS NOT DISTINCT FROM sessions.person
                AND event_time BETWEEN session_start AND session_end
    LEFT JOIN shown ON shown.day = session_start::DATE AND shown.event_name = ordered.event_name
    WHERE NOT continued GROUP BY ALL
), moved AS (
    SELECT *, unnest(path[:-2]) AS from_event, unnest(path[2:]) AS to_event, generate_subscripts(path[2:], 1) AS move
    FROM walked
), numbered AS (
    SELECT *, least(sum((from_event <> to_event)::INT) OVER (
        PARTITION BY person, session_start ORDER BY move), 9) AS step
    FROM moved
)
SELECT day, step, from_event, to_event, count(DISTINCT (person, session_start)) AS sessions, count(*) AS transitions
FROM numbered GROUP BY ALL;

CREATE TABLE identity_links AS
SELECT day, anonymous_id, person.user_id AS user_id, person.site AS site, min(event_time) AS first_seen,
       max(event_time) AS last_seen, count(*) AS events
FROM ordered WHERE nullif(anonymous_id, user_id) IS NOT NULL GROUP BY ALL;

CREATE TABLE day_ledger AS
SELECT day, events, users, coalesce(pieces, 0) AS sessions
FROM (SELECT day, count(*) AS events, count(DISTINCT person) AS users FROM ordered GROUP BY day)
LEFT JOIN (SELECT session_start::DATE AS day, count(*) AS pieces FROM sessions GROUP BY ALL) USING (day);

-- Who is new in a week is new on the first day there: one before which the user has days of other weeks, or none.
CREATE TABLE weekly_traffic AS
WITH events_of AS (
    SELECT date_trunc('week', day)::DATE AS week, count(*) AS events, count(DISTINCT person) AS users,
           count(*) FILTER (is_purchase) AS purchases,
           coalesce(sum(amount) FILTER (is_purchase), 0) AS revenue,
           count(*) FILTER (is_refund) AS refunds,
           coalesce(sum(amount) FILTER (is_refund), 0) AS refunded,
           count(*) FILTER (is_purchase AND is_foreign) AS purchases_in_other_currency
    FROM ordered GROUP BY ALL
), sessions_of AS (
    SELECT date_trunc('week', session_start)::DATE AS week, count(*) AS sessions,
           count(*) FILTER (purchases > 0) AS converted_sessions
    FROM sessions WHERE NOT continued GROUP BY ALL
), first_days AS (
    SELECT date_trunc('week', day)::DATE AS week, day - lag(day) OVER in_order AS days_away
    FROM user_days
    WINDOW in_order AS (PARTITION BY person ORDER BY day)
    QUALIFY coalesce(date_trunc('week', day) > date_trunc('week', lag(day) OVER in_order), true)
), new_of AS (
    SELECT week, count(*) AS new_users FROM first_days WHERE coalesce(days_away > 90, true) GROUP BY week
)
SELECT week, events, users, coalesce(new_users, 0) AS new_users, users - coalesce(new_users, 0) AS returning_users,
       coalesce(sessions, 0) AS sessions, coalesce(converted_sessions, 0) AS converted_sessions,
       converted_sessions / sessions AS conversion, purchases, revenue, refunds, refunded,
       purchases_in_other_currency
FROM events_of LEFT JOIN sessions_of USING (week) LEFT JOIN new_of USING (week);

CREATE TABLE week_ledger AS
SELECT week, events, users, coalesce(pieces, 0) AS sessions
FROM (
    SELECT date_trunc('week', day)::DATE AS week, count(*) AS events, count(DISTINCT person) AS users
    FROM ordered GROUP BY ALL
)
LEFT JOIN (
    SELECT date_trunc('week', session_start)::DATE AS week, count(*) AS pieces FROM sessions GROUP BY ALL
) USING (week);
