package exercise;

import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyWindowStore;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.stream.binder.kafka.streams.InteractiveQueryService;
import org.springframework.cloud.stream.function.StreamBridge;
import org.springframework.context.annotation.Bean;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Flux;

/** The exercise: publisher on R1, poller to R2, a function to R3, counts per page over five seconds to R4. */
@SpringBootApplication
public class Application {
  public record PageEvent(String name, String user, Date date, long duration) {}

  public static void main(String[] args) {
    SpringApplication.run(Application.class, args);
  }

  @Bean
  public Consumer<PageEvent> pageEventConsumer() {
    return event -> System.out.println("CONSUMED " + event);
  }

  @Bean
  public Supplier<PageEvent> pageEventSupplier() {
    return () ->
        new PageEvent(
            Math.random() > 0.5 ? "P1" : "P2",
            Math.random() > 0.5 ? "U1" : "U2",
            new Date(),
            new Random().nextInt(9000));
  }

  @Bean
  public Function<PageEvent, PageEvent> pageEventFunction() {
    return event ->
        new PageEvent("L:" + event.name().length(), "UUUUUU", event.date(), event.duration());
  }

  @Bean
  public Function<KStream<String, PageEvent>, KStream<String, Long>> kStreamFunction() {
    return input ->
        input
            .filter((key, event) -> event.duration() > 100)
            .map((key, event) -> new KeyValue<>(event.name(), 0L))
            .groupBy((key, zero) -> key, Grouped.with(Serdes.String(), Serdes.Long()))
            .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofSeconds(5)))
            .count(Materialized.as("page-count"))
            .toStream()
            .map((window, count) -> new KeyValue<>(keyOf(window), count));
  }

  private static String keyOf(Windowed<String> window) {
    return "=>" + window.window().startTime() + window.window().endTime() + window.key();
  }

  @RestController
  public static class PageEventController {
    private final StreamBridge bridge;
    private final InteractiveQueryService stores;

    public PageEventController(StreamBridge bridge, InteractiveQueryService stores) {
      this.bridge = bridge;
      this.stores = stores;
    }

    @GetMapping("/publish/{topic}/{name}")
    public PageEvent publish(@PathVariable String topic, @PathVariable String name) {
      PageEvent event =
          new PageEvent(
              name, Math.random() > 0.5 ? "U1" : "U2", new Date(), new Random().nextInt(9000));
      bridge.send(topic, event);
      return event;
    }

    @GetMapping(value = "/analytics", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    public Flux<Map<String, Long>> analytics() {
      return Flux.interval(Duration.ofSeconds(1)).map(tick -> counts());
    }

    private Map<String, Long> counts() {
      ReadOnlyWindowStore<String, Long> store =
          stores.getQueryableStore("page-count", QueryableStoreTypes.windowStore());
      Map<String, Long> counts = new HashMap<>();
      Instant now = Instant.now();
      try (KeyValueIterator<Windowed<String>, Long> all =
          store.fetchAll(now.minusMillis(5000), now)) {
        all.forEachRemaining(entry -> counts.put(entry.key.key(), entry.value));
      }
      return counts;
    }
  }
}
