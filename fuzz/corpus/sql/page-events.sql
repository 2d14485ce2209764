-- R1: events typed by hand or published over HTTP; missing fields take their defaults
CREATE STREAM published (name TEXT, "user" TEXT, date TIMESTAMP, duration BIGINT DEFAULT 0)
  WITH (topic = '${topic.R1:R1}', value_format = 'json');
CREATE SINK page_event_consumer WITH (connector = 'print') AS SELECT * FROM published;

CREATE ENDPOINT publish WITH (method = 'GET', path = '/publish/{topic}/{name}', value_format = 'json') INTO TOPIC '{topic}' AS
  SELECT param('name') AS name, pick('U1', 'U2') AS "user", now() AS date, random_int(0, 8999) AS duration;

-- R2: a supplier, one event a second
CREATE STREAM page_events (name TEXT, "user" TEXT, date TIMESTAMP, duration BIGINT DEFAULT 0)
  WITH (topic = '${topic.R2:R2}', value_format = 'json');
CREATE GENERATOR page_event_supplier WITH (every = '${supplier.every:1 second}') INTO page_events AS
  SELECT pick('P1', 'P2') AS name, pick('U1', 'U2') AS "user", now() AS date, random_int(0, 8999) AS duration;

-- R2 → R3: a function
CREATE STREAM page_event_function WITH (topic = '${topic.R3:R3}', value_format = 'json') AS
  SELECT 'L:' || length(name) AS name, 'UUUUUU' AS "user", date, duration FROM page_events;

-- R2 → store page_count → R4: counts per page over five seconds
CREATE TABLE page_count AS
  SELECT name, window_start, window_end, count(*) AS visits
  FROM TUMBLE(page_events, INTERVAL '${window.size:5 seconds}')
  WHERE duration > ${filter.min:100}
  GROUP BY name, window_start, window_end
  EMIT CHANGES;
CREATE STREAM page_visits WITH (topic = '${topic.R4:R4}', key_format = 'text', value_format = 'int64') AS
  SELECT visits FROM page_count PARTITION BY '=>' || window_start || window_end || name;

-- what the page reads, once a second: data:{"P1":10,"P2":6}
CREATE ENDPOINT analytics WITH (path = '/analytics', every = '1 second') AS
  SELECT object_agg(name, visits ORDER BY window_start) FROM page_count
  WHERE window_start BETWEEN now() - INTERVAL '5 seconds' AND now();
