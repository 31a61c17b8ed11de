using System.Diagnostics;

namespace Merganser.Bench;

/// <summary>Passes over a corpus on one thread or several. The threads live as long as this object: starting them is not measured, and what a thread remembers of words stays with it.</summary>
internal sealed class TokenizerPasses : IDisposable
{
    /// <summary>Documents that a thread takes at a time: about 16 kB, so that at the end none waits long for the other.</summary>
    private const int Grain = 4;

    private readonly TokenizerCorpus _corpus;
    private readonly Func<TokenizerSubject, TokenizerCorpus, int, int> _encode;
    private readonly TokenizerSubject _subject;
    private readonly Barrier _barrier;
    private readonly Thread[] _others;
    private int _next;
    private volatile bool _isOver;

    /// <param name="corpus">The text.</param>
    /// <param name="encode">What is measured.</param>
    /// <param name="subject">Who encodes on the calling thread.</param>
    /// <param name="others">Who encodes on the other threads, one each.</param>
    public TokenizerPasses(TokenizerCorpus corpus, Func<TokenizerSubject, TokenizerCorpus, int, int> encode, TokenizerSubject subject, params TokenizerSubject[] others)
    {
        (_corpus, _encode, _subject) = (corpus, encode, subject);
        _barrier = new Barrier(others.Length + 1);
        _others = [.. others.Select(other => new Thread(() => Serve(other)) { IsBackground = true })];
        foreach (Thread thread in _others)
            thread.Start();
    }

    /// <summary>Encodes all documents once.</summary>
    /// <param name="threads">1: the calling thread alone. More: all threads.</param>
    /// <returns>MB per second of processor time of this process, and by the clock.</returns>
    public (double Processor, double Wall) Run(int threads)
    {
        using Process process = Process.GetCurrentProcess();
        TimeSpan before = process.TotalProcessorTime;
        long start = Stopwatch.GetTimestamp();
        _next = 0;
        if (threads > 1)
            _barrier.SignalAndWait();
        Work(_subject);
        if (threads > 1)
            _barrier.SignalAndWait();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        process.Refresh();
        return (_corpus.Bytes / 1e6 / (process.TotalProcessorTime - before).TotalSeconds, _corpus.Bytes / 1e6 / seconds);
    }

    public void Dispose()
    {
        _isOver = true;
        if (_others.Length > 0)
            _barrier.SignalAndWait();
        foreach (Thread thread in _others)
            thread.Join();
        _barrier.Dispose();
    }

    private void Serve(TokenizerSubject subject)
    {
        while (true)
        {
            _barrier.SignalAndWait();
            if (_isOver)
                return;
            Work(subject);
            _barrier.SignalAndWait();
        }
    }

    private void Work(TokenizerSubject subject)
    {
        for (int first; (first = Interlocked.Add(ref _next, Grain) - Grain) < _corpus.Documents.Length;)
        {
            for (int i = first; i < Math.Min(first + Grain, _corpus.Documents.Length); i++)
                _encode(subject, _corpus, i);
        }
    }
}
