package streamseg.peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HexFormat;

/** The JSON that leaves, field by field as the worker's, so that a record is as large. */
final class Outputs {
    /** Explaining is left out; these are about as long as the worker's. */
    private static final String[][] REASONS = {
        {"no_purchase", "raises", "no purchase in 33 days since the first touchpoint"},
        {"touchpoints", "lowers", "2 to 5 weeks ago: 49 views, searches or clicks, 2 messages opened or clicked"},
        {"touchpoints", "lowers", "this week: 12 views, searches or clicks, 1 review written"},
    };
    private static final double CONTRIBUTION = 0.1234;

    private final JsonFactory json = new JsonFactory();
    private final ByteArrayOutputStream buffer = new ByteArrayOutputStream(1_024);
    private final Model model;
    private final Rules rules;

    Outputs(Model model) {
        this.model = model;
        this.rules = model.rules;
    }

    /** A change of segment or an alert. */
    byte[] decision(Touchpoint touch, String kind, Verdict verdict, Forecast forecast, long instantMs, long nowMs) {
        return written(out -> {
            out.writeStringField("event_id", id(touch, kind));
            out.writeStringField("kind", kind);
            out.writeStringField("customer_id", touch.customerId());
            out.writeStringField("segment", segment(verdict.stage(), verdict.behaviour()));
            out.writeStringField("previous_segment", segment(verdict.previousStage(), verdict.previousBehaviour()));
            number(out, "score", forecast == null ? null : forecast.none());
            number(out, "threshold", forecast == null ? null : rules.atRiskEnter());
            out.writeNumberField("horizon_days", model.horizonDays());
            out.writeArrayFieldStart("reasons");
            if (forecast != null) {
                for (String[] reason : REASONS) {
                    reason(out, reason, instantMs);
                }
            }
            out.writeEndArray();
            tail(out, forecast, instantMs, nowMs);
        });
    }

    /** What is held true of the customer now. */
    byte[] profile(Touchpoint touch, Verdict verdict, Forecast forecast, long instantMs, long nowMs) {
        return written(out -> {
            out.writeStringField("event_id", id(touch, "profile"));
            out.writeStringField("customer_id", touch.customerId());
            out.writeStringField("segment", segment(verdict.stage(), verdict.behaviour()));
            number(out, "churn_probability", forecast == null ? null : forecast.none());
            number(out, "expected_purchases", forecast == null ? null : forecast.count());
            number(out, "expected_value", forecast == null ? null : forecast.value());
            // The interval's quantiles are left out; the same number of digits stands in their place.
            number(out, "expected_value_low", forecast == null ? null : forecast.value());
            number(out, "expected_value_high", forecast == null ? null : forecast.value());
            out.writeNumberField("horizon_days", model.horizonDays());
            tail(out, forecast, instantMs, nowMs);
        });
    }

    private void reason(JsonGenerator out, String[] reason, long instantMs) throws IOException {
        out.writeStartObject();
        out.writeStringField("name", reason[0]);
        out.writeStringField("direction", reason[1]);
        out.writeNumberField("contribution", CONTRIBUTION);
        out.writeStringField("words", reason[2]);
        out.writeStringField("from_time", Times.format(instantMs - rules.windowMs()));
        out.writeStringField("until_time", Times.format(instantMs));
        out.writeEndObject();
    }

    private void tail(JsonGenerator out, Forecast forecast, long instantMs, long nowMs) throws IOException {
        out.writeStringField("model_version", forecast == null ? null : model.version);
        out.writeStringField("event_time", Times.format(instantMs));
        out.writeStringField("processed_time", Times.format(nowMs));
        out.writeStringField("valid_until", Times.format(instantMs + rules.profileTtlMs()));
        out.writeStringField("origin", "live");
        out.writeBooleanField("holdout", false);
    }

    private String segment(int stage, int behaviour) {
        if (stage == 0) {
            return null;
        }
        String name = Decider.STAGES[stage];
        return behaviour < 0 || stage == 1 ? name : name + "/" + model.behaviours.get(behaviour);
    }

    /** 128 bits from customer, cause and kind, so that a repeat has the same id. */
    private static String id(Touchpoint touch, String kind) {
        HexFormat hex = HexFormat.of();
        long customer = Touchpoint.hash64(touch.customerId());
        long what = Touchpoint.hash64(kind);
        return hex.toHexDigits(customer ^ what) + hex.toHexDigits(touch.eventHash() ^ Long.rotateLeft(what, 32));
    }

    private static void number(JsonGenerator out, String field, Double value) throws IOException {
        if (value == null) {
            out.writeNullField(field);
        } else {
            out.writeNumberField(field, value);
        }
    }

    private byte[] written(Body body) {
        buffer.reset();
        try (JsonGenerator out = json.createGenerator(buffer)) {
            out.writeStartObject();
            body.write(out);
            out.writeEndObject();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return buffer.toByteArray();
    }

    private interface Body {
        void write(JsonGenerator out) throws IOException;
    }
}
