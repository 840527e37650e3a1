package streamseg.peer;

/**
 * A long short-term memory cell in float, written for the compiler's vectoriser: every loop runs over one row with
 * stride one, rows are arrays of their own (an offset into one long array isn't vectorised), and the only function is
 * a quotient of two polynomials. Gates stand in the order input, forget, candidate, output.
 */
final class Lstm {
    /** Beyond this tanh is 1 in float. */
    private static final float TANH_LIMIT = 7.90531110763549805f;

    private final int hidden;
    private final float[][] input;
    private final float[][] recurrent;
    private final float[] bias;
    private final float[] gates;

    Lstm(float[][] input, float[][] recurrent, float[] bias) {
        this.hidden = recurrent.length;
        this.input = input;
        this.recurrent = recurrent;
        this.bias = bias;
        this.gates = new float[bias.length];
    }

    /** Fold one standardised window z into (h, c); the results may be the same arrays. */
    void step(float[] z, float[] h, float[] c, float[] nextH, float[] nextC) {
        System.arraycopy(bias, 0, gates, 0, gates.length);
        addProduct(gates, z, input);
        addProduct(gates, h, recurrent);
        sigmoid(gates, 0, 2 * hidden);
        tanh(gates, 2 * hidden, 3 * hidden);
        sigmoid(gates, 3 * hidden, 4 * hidden);
        for (int j = 0; j < hidden; j++) {
            nextC[j] = gates[hidden + j] * c[j] + gates[j] * gates[2 * hidden + j];
        }
        System.arraycopy(nextC, 0, nextH, 0, hidden);
        tanh(nextH, 0, hidden);
        for (int j = 0; j < hidden; j++) {
            nextH[j] *= gates[3 * hidden + j];
        }
    }

    /** out += x W for the rows of W that x has numbers for, four rows at a time: fewer passes over out. */
    static void addProduct(float[] out, float[] x, float[][] w) {
        int k = 0;
        for (; k + 3 < x.length; k += 4) {
            addFour(out, x[k], w[k], x[k + 1], w[k + 1], x[k + 2], w[k + 2], x[k + 3], w[k + 3]);
        }
        for (; k < x.length; k++) {
            float a = x[k];
            float[] row = w[k];
            for (int j = 0; j < out.length; j++) {
                out[j] += a * row[j];
            }
        }
    }

    private static void addFour(
            float[] out, float a, float[] p, float b, float[] q, float c, float[] r, float d, float[] s) {
        for (int j = 0; j < out.length; j++) {
            out[j] = Math.fma(a, p[j], Math.fma(b, q[j], Math.fma(c, r[j], Math.fma(d, s[j], out[j]))));
        }
    }

    static void sigmoid(float[] values, int from, int until) {
        for (int j = from; j < until; j++) {
            values[j] = 0.5f * tanh(0.5f * values[j]) + 0.5f;
        }
    }

    static void tanh(float[] values, int from, int until) {
        for (int j = from; j < until; j++) {
            values[j] = tanh(values[j]);
        }
    }

    /** Eigen's rational approximation, a few units in the last place off; Math.tanh alone took longer than the rest. */
    private static float tanh(float value) {
        float x = Math.max(-TANH_LIMIT, Math.min(TANH_LIMIT, value));
        float y = x * x;
        float p = -2.76076847742355e-16f * y + 2.00018790482477e-13f;
        p = p * y - 8.60467152213735e-11f;
        p = p * y + 5.12229709037114e-08f;
        p = p * y + 1.48572235717979e-05f;
        p = p * y + 6.37261928875436e-04f;
        p = p * y + 4.89352455891786e-03f;
        float q = 1.19825839466702e-06f * y + 1.18534705686654e-04f;
        q = q * y + 2.26843463243900e-03f;
        q = q * y + 4.89352518554385e-03f;
        return x * p / q;
    }
}
