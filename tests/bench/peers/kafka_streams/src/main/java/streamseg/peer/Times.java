package streamseg.peer;

import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoField;

/** RFC 3339 with milliseconds and Z, in and out, without a formatter on the usual path. */
final class Times {
    private static final long DAY_MS = 86_400_000L;

    private Times() {}

    /** Milliseconds UTC of 2024-03-05T12:34:56.789Z, or of any other RFC 3339 time. */
    static long parse(String text) {
        boolean isUsual =
                text.length() == 24 && text.charAt(10) == 'T' && text.charAt(19) == '.' && text.charAt(23) == 'Z';
        if (!isUsual) {
            return OffsetDateTime.parse(text).toInstant().toEpochMilli();
        }
        long day = LocalDate.of(digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10)).toEpochDay();
        long seconds = (digits(text, 11, 13) * 60L + digits(text, 14, 16)) * 60L + digits(text, 17, 19);
        return day * DAY_MS + seconds * 1_000L + digits(text, 20, 23);
    }

    /** As every output spells a time. */
    static String format(long timeMs) {
        String text = Instant.ofEpochMilli(timeMs).with(ChronoField.MILLI_OF_SECOND, 0).toString();
        long ms = Math.floorMod(timeMs, 1_000L);
        return text.substring(0, text.length() - 1) + (ms < 10 ? ".00" : ms < 100 ? ".0" : ".") + ms + "Z";
    }

    private static int digits(String text, int from, int until) {
        int value = 0;
        for (int i = from; i < until; i++) {
            int digit = text.charAt(i) - '0';
            if (digit < 0 || digit > 9) {
                throw new IllegalArgumentException(text + " is not an RFC 3339 time");
            }
            value = 10 * value + digit;
        }
        return value;
    }
}
