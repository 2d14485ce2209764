package wirecorpus;

import java.io.File;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.jar.JarFile;
import java.util.zip.GZIPOutputStream;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Writes, for every generated message class and version, what that class writes for a few instances, a line each:
 * name, version, hex. Instances are filled after the class's own schema of the version.
 */
public final class Corpus {
    /** How an instance is filled. */
    enum Fill { DEFAULT, TYPICAL, NULLS, EXTREME, EMPTY }

    private final Random random = new Random(1);
    private final Fill fill;

    private Corpus(Fill fill) {
        this.fill = fill;
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Class<?>> classes = new TreeMap<>();
        for (String anchor : List.of(
                "org.apache.kafka.common.message.ProduceRequestData",
                "org.apache.kafka.common.metadata.TopicRecord",
                "org.apache.kafka.coordinator.group.generated.OffsetCommitKey",
                "org.apache.kafka.coordinator.transaction.generated.TransactionLogKey",
                "org.apache.kafka.coordinator.share.generated.ShareSnapshotKey")) {
            collect(Class.forName(anchor), classes);
        }
        int lines = 0;
        int refused = 0;
        try (Writer out = new OutputStreamWriter(
                new GZIPOutputStream(new FileOutputStream(arguments[0])), StandardCharsets.US_ASCII)) {
            for (Map.Entry<String, Class<?>> entry : classes.entrySet()) {
                Message prototype = (Message) entry.getValue().getDeclaredConstructor().newInstance();
                for (short version = prototype.lowestSupportedVersion();
                        version <= prototype.highestSupportedVersion(); version++) {
                    String last = null;
                    for (Fill fill : Fill.values()) {
                        String hex;
                        try {
                            hex = new Corpus(fill).write(entry.getValue(), version);
                        } catch (RuntimeException refusal) {
                            System.err.println(entry.getKey() + " " + version + " " + fill + ": " + refusal);
                            refused++;
                            continue;
                        }
                        if (!hex.equals(last)) {
                            out.write(entry.getKey() + " " + version + " " + hex + "\n");
                            lines++;
                        }
                        last = hex;
                    }
                }
            }
        }
        System.err.println(classes.size() + " classes, " + lines + " lines, " + refused + " refused");
    }

    private static void collect(Class<?> anchor, Map<String, Class<?>> classes) throws Exception {
        String folder = anchor.getPackageName().replace('.', '/') + "/";
        URI jar = anchor.getProtectionDomain().getCodeSource().getLocation().toURI();
        try (JarFile file = new JarFile(new File(jar))) {
            for (var entries = file.entries(); entries.hasMoreElements();) {
                String path = entries.nextElement().getName();
                if (!path.startsWith(folder) || !path.endsWith(".class") || path.contains("$")) {
                    continue;
                }
                Class<?> found = Class.forName(path.substring(0, path.length() - 6).replace('/', '.'));
                if (Message.class.isAssignableFrom(found) && !found.isInterface()) {
                    classes.put(found.getSimpleName().replaceAll("(Request|Response|Header)Data$", "$1"), found);
                }
            }
        }
    }

    private String write(Class<?> type, short version) throws ReflectiveOperationException {
        Message message = (Message) type.getDeclaredConstructor().newInstance();
        if (fill != Fill.DEFAULT) {
            populate(message, (Schema) type.getField("SCHEMA_" + version).get(null));
        }
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining()) {
            throw new IllegalStateException("size and write disagree");
        }
        return HexFormat.of().formatHex(buffer.array());
    }

    private void populate(Object target, Schema schema) throws ReflectiveOperationException {
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tagged) {
                for (var entry : tagged.fields().entrySet()) {
                    set(target, entry.getValue().name, entry.getValue().type);
                }
            } else {
                set(target, bound.def.name, bound.def.type);
            }
        }
    }

    private void set(Object target, String name, Type type) throws ReflectiveOperationException {
        Field field = fieldOf(target.getClass(), name);
        field.setAccessible(true);
        if (fill == Fill.NULLS && type.isNullable() && !field.getType().isPrimitive()) {
            field.set(target, null);
        } else {
            field.set(target, value(field.getType(), field.getGenericType(), type));
        }
    }

    private static Field fieldOf(Class<?> type, String name) {
        String wanted = name.replace("_", "");
        for (Field field : type.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers()) && field.getName().equalsIgnoreCase(wanted)) {
                return field;
            }
        }
        throw new IllegalStateException(type + " has no field " + name);
    }

    private Object value(Class<?> raw, java.lang.reflect.Type generic, Type type)
            throws ReflectiveOperationException {
        boolean extreme = fill == Fill.EXTREME;
        boolean empty = fill == Fill.EMPTY;
        if (raw == boolean.class || raw == Boolean.class) {
            return !empty;
        } else if (raw == byte.class || raw == Byte.class) {
            return extreme ? Byte.MIN_VALUE : (byte) random.nextInt();
        } else if (raw == short.class || raw == Short.class) {
            return extreme ? Short.MIN_VALUE : (short) random.nextInt();
        } else if (raw == int.class || raw == Integer.class) {
            boolean unsigned = type.toString().equals("UINT16");
            return unsigned ? (extreme ? 0xffff : random.nextInt(0x10000)) : extreme ? Integer.MIN_VALUE : random.nextInt();
        } else if (raw == long.class || raw == Long.class) {
            boolean unsigned = type.toString().equals("UINT32");
            return unsigned ? random.nextInt(Integer.MAX_VALUE) : extreme ? Long.MIN_VALUE : random.nextLong();
        } else if (raw == double.class || raw == Double.class) {
            return extreme ? -0.0 : random.nextDouble();
        } else if (raw == String.class) {
            return empty ? "" : extreme ? "ü€𝄞".repeat(40) : "s" + random.nextInt(100);
        } else if (raw == Uuid.class) {
            return empty ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
        } else if (raw == byte[].class) {
            return bytes();
        } else if (raw == ByteBuffer.class) {
            return ByteBuffer.wrap(bytes());
        } else if (raw == BaseRecords.class) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
        } else if (Collection.class.isAssignableFrom(raw)) {
            return elements(raw, generic, type.arrayElementType().orElseThrow());
        }
        Object struct = raw.getDeclaredConstructor().newInstance();
        populate(struct, (Schema) type);
        return struct;
    }

    private byte[] bytes() {
        byte[] bytes = new byte[fill == Fill.EMPTY ? 0 : fill == Fill.EXTREME ? 200 : 5];
        random.nextBytes(bytes);
        return bytes;
    }

    @SuppressWarnings("unchecked")
    private Object elements(Class<?> raw, java.lang.reflect.Type generic, Type type)
            throws ReflectiveOperationException {
        Class<?> element;
        Collection<Object> collection;
        if (raw == List.class) {
            element = (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
            collection = new ArrayList<>();
        } else {
            element = (Class<?>) ((ParameterizedType) raw.getGenericSuperclass()).getActualTypeArguments()[0];
            collection = (Collection<Object>) raw.getDeclaredConstructor().newInstance();
        }
        int count = fill == Fill.EMPTY ? 0 : fill == Fill.TYPICAL ? 2 : 1;
        for (int index = 0; index < count; index++) {
            collection.add(value(element, element, type));
        }
        return collection;
    }
}
