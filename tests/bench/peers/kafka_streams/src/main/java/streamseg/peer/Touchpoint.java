package streamseg.peer;

/**
 * One decoded touchpoint.
 *
 * @param eventHash of the event id, 64 bits
 * @param sessionHash 0 = no session
 * @param rating 0 = none
 * @param amountMicro spend in 1e-6 units, negative for money back, 0 for types without a money sign
 */
record Touchpoint(
        String eventId,
        String customerId,
        long eventHash,
        int type,
        int channel,
        long eventMs,
        long amountMicro,
        long sessionHash,
        int rating) {

    /** FNV-1a over UTF-16 units, then mixed: the low bits choose a bit of the session bitmap. */
    static long hash64(String text) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < text.length(); i++) {
            hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
        }
        hash = (hash ^ (hash >>> 32)) * 0xd6e8feb86659fd93L;
        return hash ^ (hash >>> 32);
    }
}
