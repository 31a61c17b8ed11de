using System.Text.Json;
using System.Text.Unicode;

namespace Merganser.Checkpoints.Formats;

/// <summary>The <c>*.index.json</c> of a sharded model: which file holds which tensor.</summary>
internal static class ShardIndex
{
    private const long LongestIndex = 100_000_000;

    /// <summary>Reads the weight map: tensor name to the plain name of a file.</summary>
    /// <exception cref="MerganserException">The index is not valid or a file's name could lead out of the folder.</exception>
    public static Dictionary<string, string> Read(string path)
    {
        using CheckpointFile file = CheckpointFile.Open(path);
        if (file.Length > LongestIndex)
            throw new MerganserException($"{path}: {file.Length} bytes, more than the {LongestIndex} allowed for an index");
        byte[] json = new byte[(int)file.Length];
        file.Read(0, json);
        return Parse(path, json);
    }

    /// <summary>Reads the weight map from text.</summary>
    /// <exception cref="MerganserException">The index is not valid or a file's name could lead out of the folder.</exception>
    public static Dictionary<string, string> Parse(string path, ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
            throw new MerganserException($"{path}: is not UTF-8 text");
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw new MerganserException($"{path}: is not a JSON object");
            Dictionary<string, string>? map = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isMap = reader.ValueTextEquals("weight_map"u8);
                reader.Read();
                if (!isMap)
                    reader.Skip();
                else if (map is null)
                    map = ReadMap(path, ref reader);
                else
                    throw new MerganserException($"{path}: weight_map stands twice, again at offset {reader.TokenStartIndex}");
            }

            if (reader.Read())
                throw new MerganserException($"{path}: goes on behind its end at offset {reader.TokenStartIndex}");
            return map ?? throw new MerganserException($"{path}: has no weight_map");
        }
        catch (JsonException e)
        {
            throw new MerganserException($"{path}: is not valid JSON, line {e.LineNumber + 1}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new MerganserException($"{path}: has a string that is not valid text", e);
        }
    }

    private static Dictionary<string, string> ReadMap(string path, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new MerganserException($"{path}: weight_map at offset {reader.TokenStartIndex} is not an object");
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string tensor = reader.GetString()!;
            reader.Read();
            string? file = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            if (file is null)
                throw new MerganserException($"{path}: the file of tensor {Quoted.Name(tensor)} at offset {reader.TokenStartIndex} is not a string");
            if (!FolderFiles.IsPlainName(file))
                throw new MerganserException($"{path}: tensor {Quoted.Name(tensor)} is said to be in {Quoted.Name(file)}, which is not the plain name of a file in this folder");
            if (!map.TryAdd(tensor, file))
                throw new MerganserException($"{path}: tensor {Quoted.Name(tensor)} stands twice in weight_map, again at offset {reader.TokenStartIndex}");
        }

        return map;
    }
}
