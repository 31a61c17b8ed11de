using System.Text;
using System.Text.RegularExpressions;

namespace Merganser.Tests.Checkpoints;

/// <summary>Damaged copies of valid input, drawn from a seed.</summary>
internal static class Mutations
{
    /// <summary>One to four changes of text: bytes flipped, cut, doubled, or whole tokens swapped for others.</summary>
    public static byte[] Of(Random random, string text, string[] pieces)
    {
        string changed = text;
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            if (random.Next(3) == 0)
                continue;
            MatchCollection tokens = Regex.Matches(changed, "\"[^\"]*\"|-?[0-9]+|[\\[\\]{}:,]", RegexOptions.NonBacktracking);
            if (tokens.Count == 0)
                break;
            Match token = tokens[random.Next(tokens.Count)];
            string piece = random.Next(3) == 0 ? tokens[random.Next(tokens.Count)].Value : pieces[random.Next(pieces.Length)];
            changed = random.Next(3) switch
            {
                0 => changed.Insert(token.Index, piece),
                1 => changed.Remove(token.Index, token.Length),
                _ => changed.Remove(token.Index, token.Length).Insert(token.Index, piece),
            };
        }

        byte[] bytes = Encoding.UTF8.GetBytes(changed);
        return random.Next(3) == 0 ? OfBytes(random, bytes) : bytes;
    }

    /// <summary>One to four changes of bytes.</summary>
    public static byte[] OfBytes(Random random, byte[] valid)
    {
        var bytes = new List<byte>(valid);
        for (int changes = random.Next(1, 5); changes > 0 && bytes.Count > 0; changes--)
        {
            int at = random.Next(bytes.Count);
            int length = random.Next(1, Math.Min(9, bytes.Count - at + 1));
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                case 4 when random.Next(4) == 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
            }
        }

        return [.. bytes];
    }
}
