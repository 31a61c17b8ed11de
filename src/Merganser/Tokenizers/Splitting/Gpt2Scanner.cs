namespace Merganser.Tokenizers;

/// <summary><c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.</summary>
internal sealed class Gpt2Scanner : SplitScanner
{
    protected override void Walk(ReadOnlySpan<byte> rest, ScanWindow window)
    {
        var cursor = new Cursor(rest, window);
        int[] ends = window.Ends;
        int count = 0;
        int safeEnd = window.SafeEnd;
        int length = window.Length;
        for (int at = 0, end; at < length; at = end)
        {
            int reach; // how far the decision looked
            int first = cursor[at];
            int word = first == ' ' ? at + 1 : at;
            int contraction;
            if (cursor.IsLetter(word))
            {
                end = reach = cursor.Letters(word);
            }
            else if (first == '\'' && (contraction = cursor.Contraction(at, ignoresCase: false)) > 0)
            {
                end = reach = at + contraction;
            }
            else if (cursor.IsOther(word))
            {
                end = reach = cursor.Others(word);
            }
            else if (cursor.IsNumber(word))
            {
                end = reach = cursor.Numbers(word);
            }
            else
            {
                reach = cursor.Spaces(at);
                end = cursor.SpacesBeforeWord(at, reach);
            }

            if (reach > safeEnd)
                break;
            ends[count++] = end;
        }

        window.Count = count;
    }
}
