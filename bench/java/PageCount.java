import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;

/**
 * The demo's count per page over five seconds as a Kafka Streams application, exactly once.
 *
 * <p>Arguments: bootstrap address, threads, state directory. Each line of standard input, {@code application.id input output},
 * ends the application that runs and starts one that counts from the beginning of its input, in the same JVM: the code is warm
 * by then. Says {@code FIRST} at the first record, {@code CLOSED} when one has ended, {@code FAILED} when one cannot go on.
 */
public class PageCount {
  public record PageEvent(String name, String user, long date, long duration) {}

  private static final AtomicBoolean FIRST = new AtomicBoolean();

  public static void main(String[] args) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    KafkaStreams running = null;
    String line;
    while ((line = input.readLine()) != null) {
      close(running);
      String[] words = line.split(" ");
      running = start(args, words[0], words[1], words[2]);
    }
    close(running);
  }

  private static void close(KafkaStreams running) {
    if (running != null) {
      System.out.println(running.close(Duration.ofSeconds(60)) ? "CLOSED" : "FAILED to close");
    }
  }

  private static KafkaStreams start(String[] args, String id, String input, String output) {
    Properties config = new Properties();
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[1]);
    config.put(StreamsConfig.STATE_DIR_CONFIG, args[2]);
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, id);
    // Commits each 100 ms, the default with this guarantee.
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put("auto.offset.reset", "earliest");

    StreamsBuilder builder = new StreamsBuilder();
    FIRST.set(false);
    builder.stream(input, Consumed.with(Serdes.ByteArray(), pageEvents()))
        .filter((key, event) -> event.duration() > 100)
        .map((key, event) -> new KeyValue<>(event.name(), 0L))
        .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(5), Duration.ofMinutes(1)))
        .count(Materialized.as("page-count"))
        .toStream()
        .map((window, count) -> new KeyValue<>(keyOf(window), count))
        .to(output, Produced.with(Serdes.String(), Serdes.Long()));

    KafkaStreams streams = new KafkaStreams(builder.build(), config);
    streams.setUncaughtExceptionHandler(
        e -> {
          System.out.println("FAILED " + e);
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    streams.start();
    return streams;
  }

  private static String keyOf(Windowed<String> window) {
    return "=>" + window.window().startTime() + window.window().endTime() + window.key();
  }

  private static Serde<PageEvent> pageEvents() {
    ObjectReader reader = new ObjectMapper().readerFor(PageEvent.class);
    return Serdes.serdeFrom(
        (topic, event) -> {
          throw new UnsupportedOperationException("events are only read");
        },
        (topic, bytes) -> {
          if (!FIRST.get() && FIRST.compareAndSet(false, true)) {
            System.out.println("FIRST");
          }
          try {
            return reader.readValue(bytes);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }
}
