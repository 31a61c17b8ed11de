using System.Buffers.Binary;
using System.Text;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Torch;

/// <summary>
/// Runs the part of the pickle language (protocols 2 to 5) that saved tensors need: numbers, strings, tuples, lists,
/// dictionaries, and the calls in <see cref="TorchCalls"/>. It never looks up a class and never runs code: any other name or
/// instruction is refused by its name.
/// </summary>
internal ref struct Pickle
{
    private const int MostValues = 5_000_000;

    // Stands on the stack where a group begins.
    private static readonly object Mark = new();

    private readonly string _path;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly List<object?> _stack = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private int _at;
    private int _start;
    private int _values;

    private Pickle(string path, ReadOnlySpan<byte> bytes)
    {
        _path = path;
        _bytes = bytes;
    }

    /// <summary>The value that the pickle describes.</summary>
    /// <exception cref="MerganserException">It is damaged or asks for anything but tensors.</exception>
    public static object? Load(string path, ReadOnlySpan<byte> bytes)
    {
        var pickle = new Pickle(path, bytes);
        while (pickle.Step())
        {
        }

        return pickle.Pop();
    }

    private bool Step()
    {
        _start = _at;
        byte code = Take(1)[0];
        switch (code)
        {
            case (byte)'.':
                return false;
            case 0x80 when Take(1)[0] is var protocol and (< 2 or > 5):
                throw Bad($"uses pickle protocol {protocol}; 2 to 5 are understood");
            case 0x80:
                break;
            case 0x95:
                Take(8);
                break;
            case (byte)'(':
                Push(Mark);
                break;
            case (byte)'0':
                Pop();
                break;
            case (byte)'1':
                PopToMark();
                break;
            case (byte)'2':
                Push(Peek());
                break;
            default:
                if (!StepConstant(code) && !StepCollection(code) && !StepMemo(code))
                    StepCall(code);
                break;
        }

        return true;
    }

    private bool StepConstant(byte code)
    {
        switch (code)
        {
            case (byte)'N':
                Push(null);
                return true;
            case 0x88 or 0x89:
                Push(code == 0x88);
                return true;
            case (byte)'K':
                Push((long)Take(1)[0]);
                return true;
            case (byte)'M':
                Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
                return true;
            case (byte)'J':
                Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
                return true;
            case 0x8a:
                Push(TakeLong(Take(1)[0]));
                return true;
            case (byte)'G':
                Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
                return true;
            case (byte)'X' or (byte)'T':
                Push(Text(Take(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))));
                return true;
            case 0x8c or (byte)'U':
                Push(Text(Take(Take(1)[0])));
                return true;
            case 0x8d:
                Push(Text(Take(BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))));
                return true;
            default:
                return false;
        }
    }

    private bool StepCollection(byte code)
    {
        switch (code)
        {
            case (byte)'}':
                Push(new PickleDict());
                return true;
            case (byte)']':
                Push(new PickleList([]));
                return true;
            case (byte)')':
                Push(new PickleTuple([]));
                return true;
            case (byte)'t':
                Push(new PickleTuple(PopToMark()));
                return true;
            case 0x85 or 0x86 or 0x87:
                object?[] items = new object?[code - 0x84];
                for (int i = items.Length - 1; i >= 0; i--)
                    items[i] = Pop();
                Push(new PickleTuple(items));
                return true;
            case (byte)'l':
                Push(new PickleList([.. PopToMark()]));
                return true;
            case (byte)'d':
                object?[] pairs = PopToMark();
                var dict = new PickleDict();
                Fill(dict, pairs);
                Push(dict);
                return true;
            case (byte)'a' or (byte)'e':
                object?[] added = code == 'a' ? [Pop()] : PopToMark();
                if (Peek() is not PickleList list)
                    throw Bad("appends to what is not a list");
                list.Items.AddRange(added);
                return true;
            case (byte)'s' or (byte)'u':
                object?[] set = code == 'u' ? PopToMark() : PopPair();
                Fill(Peek() as PickleDict ?? throw Bad("sets items of what is not a dictionary"), set);
                return true;
            default:
                return false;
        }
    }

    private bool StepMemo(byte code)
    {
        switch (code)
        {
            case (byte)'q':
                _memo[Take(1)[0]] = Peek();
                return true;
            case (byte)'r':
                _memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Peek();
                return true;
            case 0x94:
                _memo[(uint)_memo.Count] = Peek();
                return true;
            case (byte)'h':
                Push(Recall(Take(1)[0]));
                return true;
            case (byte)'j':
                Push(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
                return true;
            default:
                return false;
        }
    }

    private void StepCall(byte code)
    {
        switch (code)
        {
            case (byte)'c':
                string module = TakeLine();
                Push(Global(module + "." + TakeLine()));
                break;
            case 0x93:
                object? name = Pop();
                Push(Pop() is string home && name is string member ? Global(home + "." + member) : throw Bad("names a class by what is not text"));
                break;
            case (byte)'R':
                object? arguments = Pop();
                object? function = Pop();
                Push(arguments is PickleTuple tuple && function is PickleGlobal known
                    ? TorchCalls.Call(known.Name, tuple.Items) ?? throw Bad($"calls {Quoted.Name(known.Name)} with arguments that are not understood")
                    : throw Bad("calls what is not a known function"));
                break;
            case (byte)'Q':
                Push(TorchCalls.Storage(Pop()) ?? throw Bad("refers to data outside in a way that is not understood"));
                break;
            case (byte)'b':
                // Attributes of an OrderedDict, such as PyTorch's _metadata: nothing that a merge needs.
                Pop();
                if (Peek() is not PickleDict)
                    throw Bad("sets attributes of what is not a dictionary");
                break;
            default:
                throw Bad($"has the pickle instruction 0x{code:X2}, which the reader refuses");
        }
    }

    private readonly PickleGlobal Global(string name) =>
        TorchCalls.IsKnown(name) ? new PickleGlobal(name) : throw Bad($"refuses {Quoted.Name(name)}: only tensors are read, nothing is run");

    private readonly void Fill(PickleDict dict, object?[] pairs)
    {
        if (pairs.Length % 2 != 0)
            throw Bad("has a key without a value");
        for (int i = 0; i < pairs.Length; i += 2)
            dict.Set(pairs[i], pairs[i + 1]);
    }

    private void Push(object? value)
    {
        if (++_values > MostValues)
            throw Bad($"has more than {MostValues} values");
        _stack.Add(value);
    }

    private readonly object? Peek() => _stack.Count > 0 && !ReferenceEquals(_stack[^1], Mark) ? _stack[^1] : throw Bad("takes a value from an empty stack");

    private readonly object? Pop()
    {
        object? value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private readonly object?[] PopPair()
    {
        object? value = Pop();
        return [Pop(), value];
    }

    private readonly object?[] PopToMark()
    {
        int mark = _stack.Count - 1;
        while (mark >= 0 && !ReferenceEquals(_stack[mark], Mark))
            mark--;
        if (mark < 0)
            throw Bad("ends a group that has not begun");
        object?[] items = [.. _stack[(mark + 1)..]];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return items;
    }

    private readonly object? Recall(uint place) => _memo.TryGetValue(place, out object? value) ? value : throw Bad($"recalls value {place}, which was not remembered");

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)(_bytes.Length - _at))
            throw Bad("ends early");
        ReadOnlySpan<byte> bytes = _bytes.Slice(_at, (int)length);
        _at += (int)length;
        return bytes;
    }

    private string TakeLine()
    {
        int length = _bytes[_at..].IndexOf((byte)'\n');
        if (length < 0)
            throw Bad("ends early");
        string line = Text(Take((ulong)length));
        _at++;
        return line;
    }

    private long TakeLong(int length)
    {
        ReadOnlySpan<byte> bytes = Take((ulong)length);
        if (length > 8)
            throw Bad("has a number of more than 64 bits");
        long value = length > 0 && bytes[^1] >= 0x80 ? -1 : 0;
        for (int i = length - 1; i >= 0; i--)
            value = (value << 8) | bytes[i];
        return value;
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    private readonly MerganserException Bad(string what) => new($"{_path}: data.pkl {what}, at offset {_start}");
}
