package streamseg.peer;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** Event time drives stream time; a clock that leads the append time by more than is allowed is clamped to it. */
final class EventTime implements TimestampExtractor {
    private final long skewMs;

    EventTime(Rules rules) {
        skewMs = rules.skewMs();
    }

    @Override
    public long extract(ConsumerRecord<Object, Object> record, long partitionTimeMs) {
        if (record.value() instanceof Touchpoint touch) {
            return Math.min(touch.eventMs(), record.timestamp() + skewMs);
        }
        return Math.max(partitionTimeMs, 0L);
    }
}
