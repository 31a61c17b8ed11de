using System.Buffers.Binary;
using System.Globalization;
using Parquet;
using Parquet.Data;
using Parquet.Meta;
using Parquet.Schema;

namespace Merganser.Neural.Training.Data;

/// <summary>Reads columns of Parquet files: texts, numbers, bytes, also inside structures (<c>image/bytes</c>); no lists. Footer and page headers are checked before the library sees them.</summary>
internal static class ParquetTable
{
    private const int MaxFooter = 64 << 20;
    private const int UsualPageHeader = 1 << 12;
    private const int MaxPageHeader = 1 << 20;
    private const long MaxRows = 1 << 27;
    private const long MaxColumnBytes = 8L << 30;

    /// <summary>Reads columns; each is as long as the table. Values are <see cref="string"/>, <see cref="long"/>, <see cref="bool"/>, <see cref="double"/>, <see cref="byte"/>[] or null.</summary>
    /// <param name="path">The file.</param>
    /// <param name="names">The names of columns; of alternatives, parted by <c>|</c>, the first that is there. A <c>?</c> in front: null where there is none.</param>
    /// <exception cref="MerganserException">The file is damaged, lacks a column, or has a column of another kind.</exception>
    public static object?[]?[] Read(string path, params ReadOnlySpan<string> names)
    {
        string[] wanted = [.. names];
        try
        {
            using FileStream file = File.OpenRead(path);
            CheckFooter(file, path);
            return Columns(file, path, wanted).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not MerganserException)
        {
            // The library has no error of its own: damaged files end in any of the general ones.
            throw new MerganserException($"{path}: is no Parquet file that can be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static async Task<object?[]?[]> Columns(FileStream file, string path, string[] names)
    {
        await using ParquetReader reader = await ParquetReader.CreateAsync(file, leaveStreamOpen: true).ConfigureAwait(false);
        DataField[] fields = reader.Schema.DataFields;
        DataField?[] chosen = [.. names.Select(name => Find(fields, name, path))];
        var columns = chosen.Select(field => field is null ? null : new List<object?>()).ToArray();
        long rows = 0;
        for (int number = 0; number < reader.RowGroupCount; number++)
        {
            using ParquetRowGroupReader group = reader.OpenRowGroupReader(number);
            rows += group.RowCount is >= 0 and <= MaxRows ? group.RowCount : MaxRows + 1;
            if (rows > MaxRows)
                throw new MerganserException($"{path}: says that it has more than {MaxRows:N0} rows; cut it into several files");
            for (int i = 0; i < chosen.Length; i++)
            {
                if (chosen[i] is not { } field)
                    continue;
                CheckPages(file, group.GetMetadata(field)?.MetaData, path, field);
                using RawColumnData data = await group.ReadRawColumnDataBaseAsync(field, default).ConfigureAwait(false);
                Append(columns[i]!, data, field, group.RowCount, path);
            }
        }

        return [.. columns.Select(column => column?.ToArray())];
    }

    private static DataField? Find(DataField[] fields, string name, string path)
    {
        string[] alternatives = name.TrimStart('?').Split('|');
        foreach (string alternative in alternatives)
        {
            if (Array.Find(fields, field => field.Path.ToString() == alternative) is { } found)
                return found.MaxRepetitionLevel == 0 ? found : throw new MerganserException($"{path}: the column '{alternative}' holds lists; single values are read");
        }

        return name.StartsWith('?') ? null
            : throw new MerganserException($"{path}: has no column '{alternatives[0]}'{Merganser.Weights.Recipes.NearestName.Hint(alternatives[0], fields.Select(field => field.Path.ToString()))}");
    }

    private static void Append(List<object?> to, RawColumnData data, DataField field, long rows, string path)
    {
        switch (data)
        {
            case RawColumnData<ReadOnlyMemory<char>> texts: Append(to, texts, field, rows, path, static value => value.ToString()); break;
            case RawColumnData<ReadOnlyMemory<byte>> bytes: Append(to, bytes, field, rows, path, static value => value.ToArray()); break;
            case RawColumnData<bool> flags: Append(to, flags, field, rows, path, static value => value); break;
            case RawColumnData<sbyte> numbers: Append(to, numbers, field, rows, path, static value => (long)value); break;
            case RawColumnData<byte> numbers: Append(to, numbers, field, rows, path, static value => (long)value); break;
            case RawColumnData<short> numbers: Append(to, numbers, field, rows, path, static value => (long)value); break;
            case RawColumnData<ushort> numbers: Append(to, numbers, field, rows, path, static value => (long)value); break;
            case RawColumnData<int> numbers: Append(to, numbers, field, rows, path, static value => (long)value); break;
            case RawColumnData<uint> numbers: Append(to, numbers, field, rows, path, static value => (long)value); break;
            case RawColumnData<long> numbers: Append(to, numbers, field, rows, path, static value => value); break;
            case RawColumnData<float> numbers: Append(to, numbers, field, rows, path, static value => (double)value); break;
            case RawColumnData<double> numbers: Append(to, numbers, field, rows, path, static value => value); break;
            default: throw new MerganserException($"{path}: the column '{field.Path}' is of a type that is not read ({field.ClrType.Name}); needed are texts, numbers or bytes");
        }
    }

    /// <summary>Values are stored without gaps; the definition levels say where there is none.</summary>
    private static void Append<T>(List<object?> to, RawColumnData<T> data, DataField field, long rows, string path, Func<T, object> box)
        where T : struct
    {
        ReadOnlySpan<T> values = data.Values;
        if (field.MaxDefinitionLevel == 0)
        {
            Check(values.Length == rows);
            foreach (T value in values)
                to.Add(box(value));
            return;
        }

        ReadOnlySpan<int> levels = data.DefinitionLevels;
        Check(levels.Length == rows);
        int place = 0;
        foreach (int level in levels)
        {
            bool isThere = level == field.MaxDefinitionLevel;
            Check(!isThere || place < values.Length);
            to.Add(isThere ? box(values[place++]) : null);
        }

        void Check(bool holds)
        {
            if (!holds)
                throw new MerganserException(string.Create(CultureInfo.InvariantCulture, $"{path}: the column '{field.Path}' does not have one value for each of {rows} rows"));
        }
    }

    private static void CheckFooter(FileStream file, string path)
    {
        byte[] end = new byte[8];
        if (file.Length < 12)
            throw new MerganserException($"{path}: is too short for a Parquet file");
        file.Seek(-8, SeekOrigin.End);
        file.ReadExactly(end);
        long length = BinaryPrimitives.ReadUInt32LittleEndian(end);
        if (!end.AsSpan(4).SequenceEqual("PAR1"u8) || length > Math.Min(MaxFooter, file.Length - 12))
            throw new MerganserException($"{path}: is no Parquet file, or is cut off: it does not end with a footer and 'PAR1'");
        byte[] footer = new byte[length];
        file.Seek(-8 - length, SeekOrigin.End);
        file.ReadExactly(footer);
        if (new ThriftWalker(footer).Walk() < 0)
            throw new MerganserException($"{path}: the footer is damaged or nested too deeply");
        file.Position = 0;
    }

    private static void CheckPages(FileStream file, ColumnMetaData? column, string path, DataField field)
    {
        if (column is null)
            throw new MerganserException($"{path}: the column '{field.Path}' is stored elsewhere or not at all");
        long start = column.DictionaryPageOffset is { } first and > 0 ? Math.Min(first, column.DataPageOffset) : column.DataPageOffset, values = 0;
        if (start < 4 || column.TotalCompressedSize < 0 || column.TotalCompressedSize > file.Length - start || column.TotalUncompressedSize is < 0 or > MaxColumnBytes)
            throw new MerganserException($"{path}: the column '{field.Path}' is said to be at bytes that the file does not have, or to be too large");
        long after = start + column.TotalCompressedSize;
        for (long at = start; at < after;)
        {
            (int length, long bytes, long count) = PageHeader(file, at, Math.Min(UsualPageHeader, after - at));
            if (length < 0)
                (length, bytes, count) = PageHeader(file, at, Math.Min(MaxPageHeader, after - at));
            if (length < 0 || bytes < 0 || bytes > after - at - length || count < 0)
                throw new MerganserException(string.Create(CultureInfo.InvariantCulture, $"{path}: the column '{field.Path}' has no whole page at byte {at}"));
            at += length + bytes;
            values += count;
        }

        if (values < column.NumValues)
            throw new MerganserException(string.Create(CultureInfo.InvariantCulture, $"{path}: the column '{field.Path}' has {values} of {column.NumValues} values"));
        file.Position = 0;
    }

    private static (int Length, long Bytes, long Values) PageHeader(FileStream file, long at, long most)
    {
        byte[] buffer = new byte[most];
        file.Position = at;
        int here = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        var header = new ThriftWalker(buffer.AsSpan(0, here));
        int length = header.Walk();
        return (length, header.PageBytes, header.PageValues);
    }
}
