using Merganser.Neural.Decoding.Cpu;

namespace Merganser.Neural.Tests.Decoding;

public sealed class SpinTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_piece_of_work_is_done_once_by_somebody_before_the_call_returns(int members)
    {
        using var team = new SpinTeam(members);
        var work = new Counting(100);
        for (int round = 1; round <= 500; round++)
        {
            if (round % 50 == 0)
                team.Rest();
            team.Run(work);
            Assert.All(work.Done, done => Assert.Equal(round, done));
        }
    }

    [Fact]
    public void A_failing_member_fails_the_call_and_the_team_goes_on()
    {
        using var team = new SpinTeam(3);
        var work = new Counting(10);
        Assert.Throws<InvalidOperationException>(() => team.Run(new Failing()));
        team.Run(work);
        Assert.All(work.Done, done => Assert.Equal(1, done));
    }

    [Fact]
    public void A_team_that_was_never_used_or_rests_can_be_disposed()
    {
        new SpinTeam(4).Dispose();
        var team = new SpinTeam(2);
        team.Run(new Counting(3));
        team.Rest();
        team.Dispose();
        team.Dispose();
        Assert.Throws<ObjectDisposedException>(() => team.Run(new Counting(1)));
    }

    private sealed class Counting(int pieces) : TeamWork
    {
        private int _next;

        public int[] Done { get; } = new int[pieces];

        public override void Begin() => _next = 0;

        public override void Run(int member)
        {
            int piece;
            while ((piece = Interlocked.Increment(ref _next) - 1) < Done.Length)
                Done[piece]++;
        }
    }

    private sealed class Failing : TeamWork
    {
        public override void Begin()
        {
        }

        public override void Run(int member)
        {
            if (member > 0)
                throw new NotSupportedException("for the test");
        }
    }
}
