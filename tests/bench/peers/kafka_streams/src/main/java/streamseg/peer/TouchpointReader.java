package streamseg.peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Deserializer;

/** JSON bytes to a touchpoint; null for what is none, so that a bad record stops nobody. */
final class TouchpointReader implements Deserializer<Touchpoint> {
    private static final int MAX_ID_CHARS = 128;
    private static final double MICRO = 1e6;
    private static final String BASE_CURRENCY = "GBP";

    private final JsonFactory json = new JsonFactory();
    private final Map<String, Integer> types;
    private final Map<String, Integer> channels;
    private final int[] moneySign;

    TouchpointReader(Model model) {
        types = codes(model.types);
        channels = codes(model.channels);
        moneySign = model.rules.moneySign();
    }

    @Override
    public Touchpoint deserialize(String topic, byte[] value) {
        if (value == null) {
            return null;
        }
        try (JsonParser parser = json.createParser(value)) {
            return read(parser);
        } catch (IOException | RuntimeException bad) {
            return null;
        }
    }

    private Touchpoint read(JsonParser parser) throws IOException {
        String eventId = null;
        String customerId = null;
        String typeName = null;
        String channelName = null;
        String session = null;
        String currency = null;
        long eventMs = -1;
        double amount = 0.0;
        int rating = 0;
        expect(parser.nextToken() == JsonToken.START_OBJECT);
        for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
            JsonToken token = parser.nextToken();
            if (token == JsonToken.VALUE_NULL) {
                continue;
            }
            switch (field) {
                case "event_id" -> eventId = text(parser, token);
                case "customer_id" -> customerId = text(parser, token);
                case "type" -> typeName = text(parser, token);
                case "event_time" -> eventMs =
                        token == JsonToken.VALUE_STRING ? Times.parse(parser.getText()) : parser.getLongValue();
                case "channel" -> channelName = text(parser, token);
                case "session_id" -> session = text(parser, token);
                case "amount" -> amount = parser.getDoubleValue();
                case "currency" -> currency = text(parser, token);
                case "rating" -> rating = parser.getIntValue();
                default -> parser.skipChildren();
            }
        }
        expect(parser.currentToken() == JsonToken.END_OBJECT && parser.nextToken() == null);
        expect(eventId != null && customerId != null && typeName != null && eventMs >= 0);
        expect(!eventId.isEmpty() && !customerId.isEmpty() && amount >= 0.0 && rating >= 0 && rating <= 5);
        // The last of each is "other"; a missing channel is in no map.
        int type = types.getOrDefault(typeName, types.size() - 1);
        int channel = channels.getOrDefault(channelName, channels.size() - 1);
        boolean counts = currency == null || currency.equals(BASE_CURRENCY);
        long micro = counts ? Math.round(amount * MICRO) * moneySign[type] : 0;
        long sessionHash = session == null || session.isEmpty() ? 0 : Touchpoint.hash64(session);
        return new Touchpoint(
                eventId, customerId, Touchpoint.hash64(eventId), type, channel, eventMs, micro, sessionHash, rating);
    }

    private static String text(JsonParser parser, JsonToken token) throws IOException {
        expect(token == JsonToken.VALUE_STRING && parser.getTextLength() <= MAX_ID_CHARS);
        return parser.getText();
    }

    private static void expect(boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException("not a touchpoint");
        }
    }

    private static Map<String, Integer> codes(List<String> names) {
        Map<String, Integer> codes = new HashMap<>();
        for (String name : names) {
            codes.put(name, codes.size());
        }
        return codes;
    }
}
