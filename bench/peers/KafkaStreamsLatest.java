// Kafka Streams as a peer of the processor: Avro decode, latest event of a device by occurred_at, one RocksDB store
// with its changelog. No rules, no timeline, no dead letters, no retention.
//
// Arguments: bootstrap, state folder, guarantee (at_least_once | exactly_once_v2), expected events, then
// topic=schema id=schema file for each topic. Prints "RATE <events a second>" once the expected events are handled
// and committed, and ends.

import java.io.File;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

public final class KafkaStreamsLatest {
    private static final int FRAMING = 5;
    private static final AtomicLong SEEN = new AtomicLong();
    private static volatile long began;

    public static void main(String[] arguments) throws Exception {
        long expected = Long.parseLong(arguments[3]);
        Map<Integer, Schema> schemas = new HashMap<>();
        java.util.List<String> topics = new java.util.ArrayList<>();
        for (int i = 4; i < arguments.length; i++) {
            String[] parts = arguments[i].split("=");
            topics.add(parts[0]);
            schemas.put(Integer.parseInt(parts[1]), new Schema.Parser().parse(new File(parts[2])));
        }
        CountDownLatch handled = new CountDownLatch(1);
        Topology topology = new Topology();
        topology.addSource("events", topics.toArray(String[]::new));
        topology.addProcessor("latest", () -> new Latest(schemas, expected, handled), "events");
        topology.addStateStore(
            Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("latest"), Serdes.ByteArray(), Serdes.ByteArray()),
            "latest");
        KafkaStreams streams = new KafkaStreams(topology, settings(arguments));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            handled.countDown();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        handled.await();
        if (SEEN.get() < expected) {
            System.exit(1);
        }
        streams.close(); // commits what was handled: the rate counts what is durable
        double seconds = (System.nanoTime() - began) / 1e9;
        System.out.println("RATE " + expected / seconds);
    }

    private static Properties settings(String[] arguments) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "peer-" + new File(arguments[1]).getName());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[1]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[2]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put("auto.offset.reset", "earliest");
        return settings;
    }

    /** Keeps of each device the event that happened last: eight bytes of occurred_at, then the event. */
    private static final class Latest implements Processor<byte[], byte[], Void, Void> {
        private final Map<Integer, GenericDatumReader<GenericRecord>> readers = new HashMap<>();
        private final long expected;
        private final CountDownLatch handled;
        private KeyValueStore<byte[], byte[]> store;
        private BinaryDecoder decoder;
        private GenericRecord reused;

        Latest(Map<Integer, Schema> schemas, long expected, CountDownLatch handled) {
            schemas.forEach((id, schema) -> readers.put(id, new GenericDatumReader<>(schema)));
            this.expected = expected;
            this.handled = handled;
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            store = context.getStateStore("latest");
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            long count = SEEN.incrementAndGet();
            if (count == 1) {
                began = System.nanoTime();
            }
            fold(record.key(), record.value());
            if (count == expected) {
                handled.countDown();
            }
        }

        private void fold(byte[] key, byte[] value) {
            GenericRecord event = event(value);
            if (event == null || key == null) {
                return;
            }
            long at = (Long) event.get("occurred_at");
            byte[] held = store.get(key);
            if (held == null || ByteBuffer.wrap(held).getLong() <= at) {
                store.put(key, ByteBuffer.allocate(8 + value.length).putLong(at).put(value).array());
            }
        }

        private GenericRecord event(byte[] value) {
            if (value == null || value.length < FRAMING || value[0] != 0) {
                return null;
            }
            GenericDatumReader<GenericRecord> reader = readers.get(ByteBuffer.wrap(value).getInt(1));
            if (reader == null) {
                return null;
            }
            decoder = DecoderFactory.get().binaryDecoder(value, FRAMING, value.length - FRAMING, decoder);
            try {
                reused = reader.read(reused != null && reused.getSchema() == reader.getSchema() ? reused : null, decoder);
                return reused;
            } catch (java.io.IOException | RuntimeException bad) {
                return null; // the load holds rubbish on purpose
            }
        }
    }
}
