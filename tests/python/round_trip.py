"""kafka-python against the broker given as the first argument: admin, producer, group consumer, offsets for times."""

import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

bootstrap = sys.argv[1]
admin = KafkaAdminClient(bootstrap_servers=bootstrap)
admin.create_topics([NewTopic("py", num_partitions=2, replication_factor=1)])
assert "py" in admin.list_topics()

producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type="gzip", linger_ms=5)
sent = [producer.send("py", key=str(i).encode(), value=b"v%d" % i, headers=[("n", b"%d" % i)]) for i in range(100)]
producer.flush()
placed = {(f.get(10).partition, f.get(10).offset) for f in sent}
assert len(placed) == 100, placed

consumer = KafkaConsumer(
    "py", bootstrap_servers=bootstrap, group_id="py-group", auto_offset_reset="earliest", consumer_timeout_ms=8000
)
seen = {}
for record in consumer:
    seen[(record.partition, record.offset)] = record.value
    if len(seen) == 100:
        break
assert set(seen) == placed, (len(seen), len(placed))
consumer.commit()
for partition in (0, 1):
    tp = TopicPartition("py", partition)
    end = consumer.end_offsets([tp])[tp]
    assert consumer.committed(tp) == end, (consumer.committed(tp), end)
    first = consumer.offsets_for_times({tp: 0})[tp]
    assert first.offset == 0, first
consumer.close()
admin.delete_topics(["py"])
assert "py" not in admin.list_topics()
print("ok")
