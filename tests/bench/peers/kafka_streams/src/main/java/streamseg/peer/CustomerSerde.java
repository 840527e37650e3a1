package streamseg.peer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/** A customer as a flat record of fixed size: what a state store and its changelog hold. */
final class CustomerSerde implements Serde<Customer> {
    private static final int LONGS = 9 + 6 + 4;
    private static final int INTS = 2 + 2 + 1;

    private final int types;
    private final int channels;
    private final int hidden;

    CustomerSerde(Model model) {
        types = model.types.size();
        channels = model.channels.size();
        hidden = model.hidden;
    }

    @Override
    public Serializer<Customer> serializer() {
        return (topic, customer) -> customer == null ? null : write(customer);
    }

    @Override
    public Deserializer<Customer> deserializer() {
        return (topic, bytes) -> bytes == null ? null : read(bytes);
    }

    private byte[] write(Customer it) {
        int ids = Math.min(it.accepted, Customer.KEPT_IDS);
        int size = 8 * (LONGS + ids) + 4 * (INTS + 2 * hidden) + 2 * (types + channels);
        ByteBuffer out = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(it.firstMs).putLong(it.lastMs).putLong(it.firstOutcomeMs).putLong(it.lastOutcomeMs);
        out.putLong(it.touchpoints).putLong(it.outcomeDays).putLong(it.activeDays);
        out.putLong(it.spendMicro).putLong(it.refundMicro);
        out.putLong(it.window).putLong(it.windowSpendMicro).putLong(it.windowRefundMicro);
        out.putLong(it.windowActiveDays).putLong(it.windowOutcomeDays).putLong(it.windowSessions);
        out.putLong(it.sinceMs).putLong(it.alertedMs).putLong(it.publishedMs).putDouble(it.publishedRisk);
        out.putInt(it.ratingSum).putInt(it.ratingCount).putInt(it.stage).putInt(it.behaviour).putInt(it.accepted);
        out.asFloatBuffer().put(it.h).put(it.c);
        out.position(out.position() + 8 * hidden);
        out.asLongBuffer().put(it.ids, 0, ids);
        out.position(out.position() + 8 * ids);
        out.asCharBuffer().put(it.typeCounts).put(it.channelCounts);
        return out.array();
    }

    private Customer read(byte[] bytes) {
        Customer it = new Customer(types, channels, hidden);
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        it.firstMs = in.getLong();
        it.lastMs = in.getLong();
        it.firstOutcomeMs = in.getLong();
        it.lastOutcomeMs = in.getLong();
        it.touchpoints = in.getLong();
        it.outcomeDays = in.getLong();
        it.activeDays = in.getLong();
        it.spendMicro = in.getLong();
        it.refundMicro = in.getLong();
        it.window = in.getLong();
        it.windowSpendMicro = in.getLong();
        it.windowRefundMicro = in.getLong();
        it.windowActiveDays = in.getLong();
        it.windowOutcomeDays = in.getLong();
        it.windowSessions = in.getLong();
        it.sinceMs = in.getLong();
        it.alertedMs = in.getLong();
        it.publishedMs = in.getLong();
        it.publishedRisk = in.getDouble();
        it.ratingSum = in.getInt();
        it.ratingCount = in.getInt();
        it.stage = in.getInt();
        it.behaviour = in.getInt();
        it.accepted = in.getInt();
        in.asFloatBuffer().get(it.h).get(it.c);
        in.position(in.position() + 8 * hidden);
        int ids = Math.min(it.accepted, Customer.KEPT_IDS);
        in.asLongBuffer().get(it.ids, 0, ids);
        in.position(in.position() + 8 * ids);
        in.asCharBuffer().get(it.typeCounts).get(it.channelCounts);
        return it;
    }
}
