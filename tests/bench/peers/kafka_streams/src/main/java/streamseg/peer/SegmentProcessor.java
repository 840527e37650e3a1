package streamseg.peer;

import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** The one processor of the topology: a touchpoint comes, its customer is read, moved on and written back. */
final class SegmentProcessor implements Processor<String, Touchpoint, String, byte[]> {
    static final String STORE = "customers";

    private final Segmenter segmenter;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, Customer> customers;

    SegmentProcessor(Model model) {
        segmenter = new Segmenter(model);
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        this.customers = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, Touchpoint> record) {
        Touchpoint touch = record.value();
        String key = record.key();
        if (touch == null || !touch.customerId().equals(key)) {
            return;
        }
        long watermarkMs = context.currentStreamTimeMs();
        Customer customer = customers.get(key);
        if (customer == null) {
            customer = segmenter.newCustomer();
        }
        if (!segmenter.admits(customer, touch, record.timestamp(), watermarkMs)) {
            return;
        }
        long nowMs = context.currentSystemTimeMs();
        for (byte[] value : segmenter.take(customer, touch, record.timestamp(), watermarkMs, nowMs)) {
            context.forward(new Record<>(key, value, nowMs));
        }
        customers.put(key, customer);
    }
}
