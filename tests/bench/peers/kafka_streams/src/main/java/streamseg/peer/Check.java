package streamseg.peer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Says what this peer computes, without Kafka, so that it can be compared with the Python scorer. Arguments: a model
 * file, `rows` or `stream`, and the input. Rows are h, c, x as little-endian floats; a stream is touchpoints as JSON
 * lines, taken as one partition. Prints one line for each row or scored touchpoint.
 */
public final class Check {
    private Check() {}

    public static void main(String[] args) throws IOException {
        Model model = new Model(Path.of(args[0]));
        try (PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8)) {
            switch (args[1]) {
                case "rows" -> rows(model, Path.of(args[2]), out);
                case "stream" -> stream(model, Path.of(args[2]), out);
                default -> throw new IllegalArgumentException(args[1] + "; expected rows or stream");
            }
        }
    }

    private static void rows(Model model, Path file, PrintStream out) throws IOException {
        ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        float[] h = new float[model.hidden];
        float[] c = new float[model.hidden];
        float[] x = new float[model.features];
        while (data.hasRemaining()) {
            fill(data, h);
            fill(data, c);
            fill(data, x);
            Forecast before = model.score(x, h, c);
            model.advance(x, h, c);
            Forecast after = model.score(x, h, c);
            out.printf("%.9f %.9f %.9f %.9f%n", before.none(), before.count(), before.value(), after.none());
        }
    }

    private static void stream(Model model, Path file, PrintStream out) throws IOException {
        TouchpointReader reader = new TouchpointReader(model);
        Segmenter segmenter = new Segmenter(model);
        CustomerSerde serde = new CustomerSerde(model);
        Map<String, byte[]> customers = new HashMap<>();
        long watermarkMs = -1;
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                Touchpoint touch = reader.deserialize("", line.getBytes(StandardCharsets.UTF_8));
                if (touch == null) {
                    continue;
                }
                watermarkMs = Math.max(watermarkMs, touch.eventMs());
                // Through the bytes of the store and back, so that they are checked, too.
                Customer it = serde.deserializer().deserialize("", customers.get(touch.customerId()));
                it = it == null ? segmenter.newCustomer() : it;
                if (segmenter.admits(it, touch, touch.eventMs(), watermarkMs)) {
                    int said = segmenter.take(it, touch, touch.eventMs(), watermarkMs, watermarkMs).size();
                    customers.put(touch.customerId(), serde.serializer().serialize("", it));
                    Forecast forecast = segmenter.latest();
                    if (forecast != null) {
                        out.printf("%s %.9f %d%n", touch.eventId(), forecast.none(), said);
                    }
                }
            }
        }
    }

    private static void fill(ByteBuffer data, float[] values) {
        for (int j = 0; j < values.length; j++) {
            values[j] = data.getFloat();
        }
    }
}
