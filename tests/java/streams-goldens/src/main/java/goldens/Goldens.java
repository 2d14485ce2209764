package goldens;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import java.util.Random;

import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.internals.ProcessorMetadata;
import org.apache.kafka.streams.processor.internals.TopicPartitionMetadata;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Writes goldens: scenarios of random input, each record followed by what Kafka Streams gave for it.
 *
 * <pre>
 * scenario NAME kind=count|aggregate|reduce size=MS grace=MS filter=MIN emit=changes|final   (size 0: no window)
 * &gt; KEY TIMESTAMP VALUE            a record ("-" is null)
 * &lt; KEY WINDOW_START TIMESTAMP VALUE    a result (VALUE of aggregate: count,sum,min,max,latest)
 * c KEY VALUE TIMESTAMP            a changelog record, in hexadecimal (kind=count only)
 * dropped N                        Kafka Streams' dropped-records-total at the end
 * </pre>
 */
public final class Goldens {
    private static final String[] KEYS = {"P1", "P2", "P3", "a-long-page-name", "é", ""};

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        try (PrintWriter out = open(folder, "tumbling.txt")) {
            Random random = new Random(1);
            for (int i = 0; i < 48; i++) {
                String kind = new String[] {"count", "aggregate", "reduce"}[i % 3];
                long size = 1 + random.nextInt(40);
                long grace = i % 4 == 0 ? 0 : random.nextInt(80);
                scenario(out, "tumbling-" + i, random, kind, size, grace, i % 5 == 0 ? 100 : -1, false);
            }
        }
        try (PrintWriter out = open(folder, "running.txt")) {
            Random random = new Random(2);
            for (int i = 0; i < 12; i++) {
                String kind = new String[] {"count", "aggregate", "reduce"}[i % 3];
                scenario(out, "running-" + i, random, kind, 0, 0, i % 4 == 0 ? 100 : -1, false);
            }
        }
        try (PrintWriter out = open(folder, "final.txt")) {
            Random random = new Random(3);
            for (int i = 0; i < 16; i++) {
                long grace = i % 4 == 0 ? 0 : random.nextInt(60);
                scenario(out, "final-" + i, random, i % 2 == 0 ? "count" : "aggregate", 1 + random.nextInt(30), grace, -1, true);
            }
        }
        try (PrintWriter out = open(folder, "offset-metadata.txt")) {
            ProcessorMetadata none = new ProcessorMetadata();
            ProcessorMetadata one = new ProcessorMetadata(Map.of("counts", 990L));
            out.println("1000 - " + new TopicPartitionMetadata(1000, none).encode());
            out.println("1000 counts=990 " + new TopicPartitionMetadata(1000, one).encode());
            ProcessorMetadata two = new ProcessorMetadata(Map.of("page_count", 1654732805000L, "é", -1L));
            out.println("-1 page_count=1654732805000,é=-1 " + new TopicPartitionMetadata(-1, two).encode());
        }
    }

    private static PrintWriter open(Path folder, String name) throws Exception {
        Files.createDirectories(folder);
        return new PrintWriter(Files.newBufferedWriter(folder.resolve(name), StandardCharsets.UTF_8));
    }

    private static void scenario(PrintWriter out, String name, Random random, String kind, long size, long grace,
                                 long filter, boolean emitFinal) {
        out.printf("scenario %s kind=%s size=%d grace=%d filter=%d emit=%s%n", name, kind, size, grace, filter,
                emitFinal ? "final" : "changes");
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "nowhere:1");
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, "0");
        config.put(StreamsConfig.STATE_DIR_CONFIG, System.getProperty("java.io.tmpdir") + "/streams-goldens");
        config.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, 0L);
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, Long> stream = builder.stream("in", Consumed.with(Serdes.String(), Serdes.Long()));
        if (filter >= 0) {
            stream = stream.filter((key, value) -> value != null && value > filter);
        }
        KGroupedStream<String, Long> grouped = stream.groupByKey(Grouped.with(Serdes.String(), Serdes.Long()));
        KStream<String, String> results;
        if (size > 0) {
            TimeWindowedKStream<String, Long> windowed =
                    grouped.windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(size), Duration.ofMillis(grace)));
            if (emitFinal) {
                windowed = windowed.emitStrategy(EmitStrategy.onWindowClose());
            }
            results = windows(windowed, kind, emitFinal);
        } else {
            results = running(grouped, kind);
        }
        results.to("out", Produced.with(Serdes.String(), Serdes.String()));

        try (TopologyTestDriver driver = new TopologyTestDriver(builder.build(), config, Instant.ofEpochMilli(0))) {
            TestInputTopic<String, Long> in = driver.createInputTopic("in", new StringSerializer(), new LongSerializer());
            TestOutputTopic<String, String> given =
                    driver.createOutputTopic("out", new StringDeserializer(), new StringDeserializer());
            TestOutputTopic<byte[], byte[]> changelog =
                    driver.createOutputTopic("app-counts-changelog", new ByteArrayDeserializer(), new ByteArrayDeserializer());
            long clock = 0;
            int records = 20 + random.nextInt(60);
            for (int i = 0; i < records; i++) {
                clock += random.nextInt(8);
                if (random.nextInt(25) == 0) {
                    clock += random.nextInt(200);
                }
                long timestamp = Math.max(0, random.nextInt(3) == 0 ? clock - random.nextInt(90) : clock);
                String key = random.nextInt(15) == 0 ? null : KEYS[random.nextInt(KEYS.length)];
                // A reducer of the DSL is not made for nulls; the other aggregates get some.
                boolean withNulls = !kind.equals("reduce") && random.nextInt(10) == 0;
                Long value = withNulls ? null : (long) random.nextInt(400) - 50;
                in.pipeInput(key, value, timestamp);
                out.printf("> %s %d %s%n", text(key), timestamp, value == null ? "-" : value);
                while (!given.isEmpty()) {
                    TestRecord<String, String> result = given.readRecord();
                    int bar = result.key().lastIndexOf('|');
                    out.printf("< %s %s %d %s%n", text(result.key().substring(0, bar)), result.key().substring(bar + 1),
                            result.timestamp(), result.value());
                }
                while (!changelog.isEmpty()) {
                    TestRecord<byte[], byte[]> change = changelog.readRecord();
                    if (kind.equals("count")) {
                        out.printf("c %s %s %d%n", HexFormat.of().formatHex(change.key()),
                                HexFormat.of().formatHex(change.value()), change.timestamp());
                    }
                }
            }
            double dropped = driver.metrics().entrySet().stream()
                    .filter(metric -> metric.getKey().name().equals("dropped-records-total"))
                    .mapToDouble(metric -> ((Number) metric.getValue().metricValue()).doubleValue())
                    .sum();
            out.printf("dropped %d%n", (long) dropped);
        }
    }

    private static String text(String key) {
        return key == null ? "-" : "'" + key + "'";
    }

    private static KStream<String, String> windows(TimeWindowedKStream<String, Long> windowed, String kind, boolean emitFinal) {
        KTable<Windowed<String>, ?> table;
        // With the default retention, emission on close loses windows when time jumps: see reference/streams-rules.md.
        Duration retention = Duration.ofDays(1);
        if (kind.equals("count")) {
            Materialized<String, Long, WindowStore<Bytes, byte[]>> as = Materialized.as("counts");
            as.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long());
            table = windowed.count(emitFinal ? as.withRetention(retention) : as);
        } else if (kind.equals("reduce")) {
            Materialized<String, Long, WindowStore<Bytes, byte[]>> as = Materialized.as("counts");
            table = windowed.reduce(Long::sum, as.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()));
        } else {
            Materialized<String, String, WindowStore<Bytes, byte[]>> as = Materialized.as("counts");
            as.withKeySerde(Serdes.String()).withValueSerde(Serdes.String());
            table = windowed.aggregate(() -> "0,-,-,-,-", Goldens::add, emitFinal ? as.withRetention(retention) : as);
        }
        return table.toStream().map((key, value) ->
                KeyValue.pair(key.key() + "|" + key.window().start(), String.valueOf(value)));
    }

    private static KStream<String, String> running(KGroupedStream<String, Long> grouped, String kind) {
        KTable<String, ?> table;
        if (kind.equals("count")) {
            Materialized<String, Long, KeyValueStore<Bytes, byte[]>> as = Materialized.as("counts");
            table = grouped.count(as.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()));
        } else if (kind.equals("reduce")) {
            Materialized<String, Long, KeyValueStore<Bytes, byte[]>> as = Materialized.as("counts");
            table = grouped.reduce(Long::sum, as.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()));
        } else {
            Materialized<String, String, KeyValueStore<Bytes, byte[]>> as = Materialized.as("counts");
            as.withKeySerde(Serdes.String()).withValueSerde(Serdes.String());
            table = grouped.aggregate(() -> "0,-,-,-,-", Goldens::add, as);
        }
        return table.toStream().map((key, value) -> KeyValue.pair(key + "|0", String.valueOf(value)));
    }

    /** count, sum, min, max, latest; nulls change only the count. */
    private static String add(String key, Long value, String state) {
        String[] parts = state.split(",");
        long count = Long.parseLong(parts[0]) + 1;
        if (value == null) {
            parts[0] = Long.toString(count);
            return String.join(",", parts);
        }
        long sum = parts[1].equals("-") ? value : Long.parseLong(parts[1]) + value;
        long min = parts[2].equals("-") ? value : Math.min(Long.parseLong(parts[2]), value);
        long max = parts[3].equals("-") ? value : Math.max(Long.parseLong(parts[3]), value);
        return count + "," + sum + "," + min + "," + max + "," + value;
    }
}
