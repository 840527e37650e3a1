package streamseg.peer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * The network with its closed forms and its calibration, as `weights.py` exported it from an artefact. Not thread-safe:
 * every task loads its own.
 */
final class Model {
    private static final int PARAMETERS = 6;
    private static final double SURE = 1e-6;
    private static final double DISCOUNT_PER_DAY = Math.log(1.10) / 365.25;
    private static final double SETTLED_DAYS = 30.0;
    private static final double LOG_LARGEST = 80.0;

    final int features;
    final int hidden;
    final String version;
    final List<String> types;
    final List<String> channels;
    final List<String> behaviours;
    final Rules rules;

    private final int[] totals;
    private final int age;
    private final float[] mean;
    private final float[] std;
    private final float[] least;
    private final float[] most;
    private final Lstm lstm;
    private final float[][] headOfState;
    private final float[][] headOfInput;
    private final float[] headBias;
    private final float[][] embedding;
    private final float[] embeddingBias;
    private final float[][] out;
    private final float[][] skip;
    private final float[] outBias;
    private final double spendLevel;
    private final double spendScale;
    private final double horizonDays;
    private final double level;
    private final double slope;
    private final double offset;
    private final double valueLevel;
    private final double[] low;
    private final double[] high;
    private final double[] axisMean;
    private final double[] axisScale;
    private final double[][] centres;

    private final float[] z;
    private final float[] nextH;
    private final float[] nextC;
    private final float[] middle;
    private final float[] gate;
    private final float[] narrow;
    private final float[] raw = new float[PARAMETERS];

    Model(Path file) {
        ByteBuffer data = read(file);
        features = data.getInt();
        hidden = data.getInt();
        middle = new float[data.getInt()];
        gate = new float[middle.length];
        narrow = new float[data.getInt()];
        int typeCount = data.getInt();
        int channelCount = data.getInt();
        int behaviourCount = data.getInt();
        totals = new int[] {data.getInt(), data.getInt(), data.getInt()};
        age = data.getInt();
        byte[] text = new byte[data.getInt()];
        data.get(text);
        List<String> names = Arrays.asList(new String(text, StandardCharsets.UTF_8).split("\n"));
        version = names.get(0);
        types = names.subList(1, 1 + typeCount);
        channels = names.subList(1 + typeCount, 1 + typeCount + channelCount);
        behaviours = names.subList(1 + typeCount + channelCount, names.size());

        mean = floats(data, features);
        std = floats(data, features);
        least = floats(data, features);
        most = floats(data, features);
        float[][] input = rows(data, features, 4 * hidden);
        float[][] recurrent = rows(data, hidden, 4 * hidden);
        lstm = new Lstm(input, recurrent, floats(data, 4 * hidden));
        headOfState = rows(data, hidden, middle.length);
        headOfInput = rows(data, features, middle.length);
        headBias = floats(data, middle.length);
        embedding = rows(data, middle.length, narrow.length);
        embeddingBias = floats(data, narrow.length);
        out = rows(data, narrow.length, PARAMETERS);
        skip = rows(data, features, PARAMETERS);
        outBias = floats(data, PARAMETERS);

        spendLevel = data.getDouble();
        spendScale = data.getDouble();
        low = doubles(data, PARAMETERS);
        high = doubles(data, PARAMETERS);
        horizonDays = data.getDouble();
        level = data.getDouble();
        slope = data.getDouble();
        offset = data.getDouble();
        valueLevel = data.getDouble();
        axisMean = doubles(data, 3);
        axisScale = doubles(data, 3);
        centres = new double[behaviourCount][];
        for (int k = 0; k < behaviourCount; k++) {
            centres[k] = doubles(data, 3);
        }
        rules = Rules.read(data, typeCount);
        if (data.hasRemaining()) {
            throw new IllegalStateException(
                    file + " holds " + data.remaining() + " bytes more than a model; export it again");
        }
        z = new float[features];
        nextH = new float[hidden];
        nextC = new float[hidden];
    }

    int horizonDays() {
        return (int) horizonDays;
    }

    /** Fold one closed window, as raw features, into a state for good. */
    void advance(float[] x, float[] h, float[] c) {
        standardise(x);
        lstm.step(z, h, c, h, c);
    }

    /** Step over the running window, which is not kept, and forecast. */
    Forecast score(float[] x, float[] h, float[] c) {
        standardise(x);
        lstm.step(z, h, c, nextH, nextC);
        System.arraycopy(headBias, 0, middle, 0, middle.length);
        Lstm.addProduct(middle, nextH, headOfState);
        Lstm.addProduct(middle, z, headOfInput);
        System.arraycopy(middle, 0, gate, 0, middle.length);
        Lstm.sigmoid(gate, 0, gate.length);
        for (int j = 0; j < middle.length; j++) {
            middle[j] *= gate[j];
        }
        System.arraycopy(embeddingBias, 0, narrow, 0, narrow.length);
        Lstm.addProduct(narrow, middle, embedding);
        Lstm.tanh(narrow, 0, narrow.length);
        System.arraycopy(outBias, 0, raw, 0, PARAMETERS);
        Lstm.addProduct(raw, narrow, out);
        Lstm.addProduct(raw, z, skip);
        return closedForms();
    }

    /** Distance to the centre of each behaviour. */
    double[] distances(Forecast forecast) {
        double a = (Math.log1p(forecast.count()) - axisMean[0]) / axisScale[0];
        double b = (1.0 - forecast.none() - axisMean[1]) / axisScale[1];
        double d = (Math.log1p(forecast.value()) - axisMean[2]) / axisScale[2];
        double[] distances = new double[centres.length];
        for (int k = 0; k < centres.length; k++) {
            double x = a - centres[k][0];
            double y = b - centres[k][1];
            double w = d - centres[k][2];
            distances[k] = Math.sqrt(x * x + y * y + w * w);
        }
        return distances;
    }

    private void standardise(float[] x) {
        System.arraycopy(x, 0, z, 0, features);
        double ageDays = total(x[age]);
        for (int column : totals) {
            z[column] = (float) Math.log1p(total(x[column]) * (SETTLED_DAYS / (ageDays + SETTLED_DAYS)));
        }
        for (int j = 0; j < features; j++) {
            z[j] = Math.max(least[j], Math.min(most[j], (z[j] - mean[j]) / std[j]));
        }
    }

    private static double total(float logarithm) {
        return Math.exp(Math.min(Math.max(logarithm, 0.0), LOG_LARGEST)) - 1.0;
    }

    /** The zero-inflated negative binomial's probability of nothing, the expected days and the expected spend. */
    private Forecast closedForms() {
        double logRate = bounded(0);
        double decay = Math.exp(bounded(1));
        double logShape = bounded(2);
        double zeroLogit = bounded(3);
        double mu = spendLevel + spendScale * bounded(4);
        double sigma = Math.exp(bounded(5));

        double m = Math.exp(logRate) * -Math.expm1(-decay * horizonDays) / decay;
        double nothing = -Math.exp(logShape) * Math.log1p(m * Math.exp(-logShape));
        double gone = 1.0 / (1.0 + Math.exp(-zeroLogit));
        double none = within(gone + (1.0 - gone) * Math.exp(nothing));
        double count = (1.0 - gone) * m;
        double fade = decay + DISCOUNT_PER_DAY;
        double discount = Math.exp(logRate) * -Math.expm1(-fade * horizonDays) / fade / m;
        double value = count * Math.exp(mu + 0.5 * sigma * sigma) * discount;

        double logNone = level * Math.log(none);
        double logit = logNone - Math.log(-Math.expm1(logNone));
        double served = within(1.0 / (1.0 + Math.exp(-(slope * logit + offset))));
        return new Forecast(served, count * level, value * level * valueLevel);
    }

    private double bounded(int parameter) {
        double width = high[parameter] - low[parameter];
        return low[parameter] + width / (1.0 + Math.exp(-raw[parameter] * (4.0 / width)));
    }

    private static double within(double probability) {
        return Math.max(SURE, Math.min(1.0 - SURE, probability));
    }

    private static ByteBuffer read(Path file) {
        try {
            return ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static float[] floats(ByteBuffer data, int count) {
        float[] values = new float[count];
        for (int j = 0; j < count; j++) {
            values[j] = data.getFloat();
        }
        return values;
    }

    private static float[][] rows(ByteBuffer data, int count, int width) {
        float[][] values = new float[count][];
        for (int k = 0; k < count; k++) {
            values[k] = floats(data, width);
        }
        return values;
    }

    static double[] doubles(ByteBuffer data, int count) {
        double[] values = new double[count];
        for (int j = 0; j < count; j++) {
            values[j] = data.getDouble();
        }
        return values;
    }
}
