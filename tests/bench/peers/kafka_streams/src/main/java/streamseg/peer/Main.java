package streamseg.peer;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Runs until SIGTERM. Arguments: bootstrap servers, application id, input topic, output topic, model file, state
 * directory, `rocksdb` or `memory`, threads, and then further Streams settings as name=value.
 */
public final class Main {
    private Main() {}

    public static void main(String[] args) throws InterruptedException {
        Properties config = new Properties();
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[7]);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
        for (int i = 8; i < args.length; i++) {
            String[] setting = args[i].split("=", 2);
            config.put(setting[0], setting[1]);
        }

        KafkaStreams streams = new KafkaStreams(topology(args[2], args[3], Path.of(args[4]), args[6]), config);
        CountDownLatch ended = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            System.out.println("state " + now);
            if (now == KafkaStreams.State.ERROR) {
                ended.countDown();
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(30))));
        streams.start();
        ended.await();
        System.exit(1);
    }

    private static Topology topology(String input, String output, Path modelFile, String kind) {
        Model shared = new Model(modelFile);
        KeyValueBytesStoreSupplier supplier =
                switch (kind) {
                    case "rocksdb" -> Stores.persistentKeyValueStore(SegmentProcessor.STORE);
                    case "memory" -> Stores.inMemoryKeyValueStore(SegmentProcessor.STORE);
                    default -> throw new IllegalArgumentException("store is " + kind + "; expected rocksdb or memory");
                };
        StoreBuilder<KeyValueStore<String, Customer>> store =
                Stores.keyValueStoreBuilder(supplier, Serdes.String(), new CustomerSerde(shared)).withCachingEnabled();
        return new Topology()
                .addSource(
                        AutoOffsetReset.earliest(),
                        "touchpoints",
                        new EventTime(shared.rules),
                        Serdes.String().deserializer(),
                        new TouchpointReader(shared),
                        input)
                .addProcessor("segments", () -> new SegmentProcessor(new Model(modelFile)), "touchpoints")
                .addStateStore(store, "segments")
                .addSink("outputs", output, Serdes.String().serializer(), Serdes.ByteArray().serializer(), "segments");
    }
}
