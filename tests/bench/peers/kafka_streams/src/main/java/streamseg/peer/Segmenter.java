package streamseg.peer;

import java.util.ArrayList;
import java.util.List;

/**
 * One touchpoint's journey: admit, close windows, count, one step of the network, decide, write. Knows no Kafka; the
 * processor brings the customer from the store and takes it back. Not thread-safe: every task has its own.
 */
final class Segmenter {
    private final Model model;
    private final Rules rules;
    private final Decider decider;
    private final Outputs outputs;
    private final float[] x;
    private Forecast latest;

    Segmenter(Model model) {
        int columns = Features.columns(model.types.size(), model.channels.size());
        if (columns != model.features) {
            throw new IllegalStateException(
                    "the model reads " + model.features + " features, this peer makes " + columns
                            + "; bring Features.java up to date");
        }
        this.model = model;
        this.rules = model.rules;
        this.decider = new Decider(rules);
        this.outputs = new Outputs(model);
        this.x = new float[columns];
    }

    /** The forecast of the last touchpoint that was taken; null below the data gate. */
    Forecast latest() {
        return latest;
    }

    Customer newCustomer() {
        return new Customer(model.types.size(), model.channels.size(), model.hidden);
    }

    /**
     * Whether the touchpoint counts.
     *
     * @param eventMs its time, clamped to the append time
     * @param watermarkMs highest event time of the partition, this touchpoint's included
     */
    boolean admits(Customer it, Touchpoint touch, long eventMs, long watermarkMs) {
        return !it.knows(touch.eventHash()) && eventMs >= watermarkMs - rules.latenessMs();
    }

    /** Take an admitted touchpoint in, and give the records that leave: JSON, usually none. */
    List<byte[]> take(Customer it, Touchpoint touch, long eventMs, long watermarkMs, long nowMs) {
        long window = rules.windowOf(watermarkMs);
        close(it, window);
        boolean isOutcome = rules.isOutcome()[touch.type()];
        it.remember(touch.eventHash());
        it.add(touch, eventMs, isOutcome, rules);

        boolean gated = it.touchpoints < rules.gateTouchpoints() || watermarkMs - it.firstMs < rules.gateAgeMs();
        latest = null;
        double[] distances = null;
        if (!gated) {
            Features.describe(it, watermarkMs, rules, x);
            latest = model.score(x, it.h, it.c);
            distances = model.distances(latest);
        }
        Verdict verdict = decider.decide(it, watermarkMs, isOutcome, latest, distances);
        return verdict == null ? List.of() : write(touch, verdict, watermarkMs, nowMs);
    }

    /** Fold the windows before `window`, silent ones included, and open it. */
    private void close(Customer it, long window) {
        if (it.touchpoints == 0) {
            it.open(window);
        }
        while (it.window < window) {
            Features.describe(it, rules.startOf(it.window + 1), rules, x);
            model.advance(x, it.h, it.c);
            it.open(it.window + 1);
        }
    }

    private List<byte[]> write(Touchpoint touch, Verdict verdict, long instantMs, long nowMs) {
        List<byte[]> records = new ArrayList<>(3);
        if (verdict.changed()) {
            String kind = verdict.previousStage() == 0 ? "entered" : "changed";
            records.add(outputs.decision(touch, kind, verdict, latest, instantMs, nowMs));
        }
        if (verdict.alert()) {
            records.add(outputs.decision(touch, "churn_alert", verdict, latest, instantMs, nowMs));
        }
        records.add(outputs.profile(touch, verdict, latest, instantMs, nowMs));
        return records;
    }
}
