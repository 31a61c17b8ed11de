using System.Text;

namespace Merganser.Neural.Training.Data;

/// <summary>Reads lines, but not without bound: a packed file of a few kilobytes can unfold to one line of any length.</summary>
internal sealed class BoundedLines(TextReader reader, string path, long most)
{
    private const int MaxLine = 1 << 26;

    private readonly char[] _buffer = new char[1 << 16];
    private readonly StringBuilder _line = new();
    private int _at, _filled;
    private long _total;

    /// <summary>The number of the last line, from 1.</summary>
    public int Number { get; private set; }

    /// <summary>The next line without its end; null after the last.</summary>
    /// <exception cref="MerganserException">The line or the file is too long.</exception>
    public string? Next()
    {
        bool isOpen = false;
        while (_at < _filled || Fill())
        {
            isOpen = true;
            ReadOnlySpan<char> rest = _buffer.AsSpan(_at, _filled - _at);
            int end = rest.IndexOf('\n');
            _line.Append(end < 0 ? rest : rest[..end]);
            _at += end < 0 ? rest.Length : end + 1;
            if (_line.Length > MaxLine)
                throw new MerganserException($"{path}:{Number + 1}: the line has more than {MaxLine:N0} characters");
            if (end >= 0)
                return Finish();
        }

        return isOpen ? Finish() : null;
    }

    private bool Fill()
    {
        (_at, _filled) = (0, reader.Read(_buffer));
        _total += _filled;
        return _total <= most ? _filled > 0 : throw new MerganserException($"{path}: holds more than {most:N0} characters; cut it into several files");
    }

    private string Finish()
    {
        if (_line.Length > 0 && _line[^1] == '\r')
            _line.Length--;
        string line = _line.ToString();
        _line.Clear();
        Number++;
        return line;
    }
}
