import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publish one approval by a CSP with kafka-clients and Avro: Publish DEVICE REQUEST. */
public final class Publish {
    private static final int SCHEMA_ID = 2; // schemas/avro/registry.json

    public static void main(String[] arguments) throws Exception {
        String device = arguments[0];
        Schema schema = new Schema.Parser().parse(Path.of("schemas/avro/csp_event.avsc").toFile());
        GenericRecord event = new GenericData.Record(schema);
        event.put("event_id", UUID.randomUUID().toString()); // kept, and sent again as it is
        event.put("service_request_id", arguments[1]);
        event.put("device_id", device);
        event.put("device_type", null); // a union's null
        event.put("firmware_version", "0002012F");
        event.put("csp_region", "North");
        event.put("comms_hub_id", null);
        event.put("code", "APPROVED");
        event.put("detail", "Published from Java");
        event.put("occurred_at", System.currentTimeMillis());

        Map<String, Object> settings = Map.of(
            "bootstrap.servers", System.getenv("KAFKA_BOOTSTRAP_SERVERS"),
            "acks", "all",
            "enable.idempotence", true);
        // The partitioner is murmur2 over the key unless a partitioner.class is set: set none.
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer())) {
            RecordMetadata place =
                producer.send(new ProducerRecord<>("firmware.csp.v1", device, framed(event))).get();
            System.out.println("at " + place.topic() + " " + place.partition() + ":" + place.offset());
        }
    }

    /** Confluent wire format: a zero byte, the schema id, the Avro body. */
    private static byte[] framed(GenericRecord event) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(ByteBuffer.allocate(5).put((byte) 0).putInt(SCHEMA_ID).array());
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        new GenericDatumWriter<GenericRecord>(event.getSchema()).write(event, encoder);
        encoder.flush();
        return out.toByteArray();
    }
}
