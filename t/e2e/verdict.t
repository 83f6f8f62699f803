#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Verdicts end to end: results of a schedule raise a problem, another type looks deeper, a webhook, a
# mail server and a command are told, people acknowledge and silence, and it is over when the target
# answers again.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use File::Copy qw(copy);
use File::Path qw(make_path);
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Live;
use Sonde;
use Test::More;
use Time::HiRes qw(sleep time);

my $src = $ENV{top_srcdir} || '.';
my $s = Sonde->new;

sub write_file {
  my ($path, $text) = @_;
  open my $f, '>', $path or die "$path: $!";
  print $f $text;
  close $f or die $!;
}

sub lines_of {
  my ($path) = @_;
  open my $f, '<', $path or return ();
  return <$f>;
}

# A server of our own in a child: what it was told goes into a file. Ends with the test.
my @servers;
sub serve {
  my ($talk) = @_;
  my $listen = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1') or die $!;
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    $SIG{ALRM} = sub { POSIX::_exit(0) };
    alarm 120;
    while (my $c = $listen->accept) {
      $c->autoflush(1);
      eval { $talk->($c) };
      close $c;
    }
    POSIX::_exit(0);
  }
  push @servers, $pid;
  return $listen->sockport;
}
END { kill 'KILL', @servers if @servers }

# ---- the webhook: refuses the first call, so that it is tried again ----
my $hooked = "$s->{dir}/hooked";
my $calls = 0;
my $hook = serve(sub {
  my ($c) = @_;
  my ($len, $signature, $line) = (0, '');
  while (defined($line = <$c>) && $line =~ /\S/) {
    $len = $1 if $line =~ /^content-length: (\d+)/i;
    $signature = $1 if $line =~ /^x-sonde-signature: (\S+)/i;
  }
  my $body;
  read $c, $body, $len;
  my $answer = $calls++ ? '204 No Content' : '503 Later';
  print $c "HTTP/1.1 $answer\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  open my $f, '>>', $hooked;
  print $f "$answer\t$signature\t$body\n";
  close $f;
});

# ---- the mail server ----
my $mailed = "$s->{dir}/mailed";
my $mail = serve(sub {
  my ($c) = @_;
  my $text = '';
  print $c "220 sink\r\n";
  while (my $line = <$c>) {
    $text .= $line;
    if ($line =~ /^DATA/i) {
      print $c "354 go\r\n";
      while (defined($line = <$c>) && $line !~ /^\.\r?\n/) { $text .= $line }
      print $c "250 taken\r\n";
    } elsif ($line =~ /^QUIT/i) {
      print $c "221 bye\r\n";
      last;
    } elsif ($line =~ /^(EHLO|HELO|MAIL|RCPT|RSET)/i) {
      print $c "250 fine\r\n";
    } else {
      print $c "502 no\r\n";
    }
  }
  open my $f, '>>', $mailed;
  print $f $text, "=====\n";
  close $f;
});

# ---- the command ----
my $paged = "$s->{dir}/paged";
write_file("$s->{dir}/page", "#!/bin/sh\ncat >> $paged\n");
chmod 0755, "$s->{dir}/page";
write_file("$s->{dir}/hook.secret", "open sesame\n");
chmod 0600, "$s->{dir}/hook.secret";

# ---- the controller: tcp to a port that is closed and opened again ----
my $target = Sonde::free_port();
write_file("$s->{dir}/controller.yaml", <<"YAML");
verdicts: [verdict_quorum, verdict_threshold, broken]
verdict_params: '{"verdict_quorum":{"deepen":"echo","regions":2},"verdict_threshold":{"least":200}}'
notify:
  - webhook http://127.0.0.1:$hook/event secret=$s->{dir}/hook.secret severity=error
  - smtp smtp://127.0.0.1:$mail from=sonde\@example.org to=noc\@example.org
  - command $s->{dir}/page
YAML
$s->{policies} = "$s->{dir}/policies";
make_path($s->{policies});
copy($_, $s->{policies}) for glob "$src/policies/*.lua";
write_file("$s->{policies}/broken.lua", "return { api = 1, summary = 's',\n"
  . "  on_result = function(req, result) lb.raise('k', 'loud', 'text') end }\n");
$s->start_controller('--config', "$s->{dir}/controller.yaml");
my @names = $s->start_nodes(qw(eu us ap));
my $live = Live->new($s);
$live->say({ op => 'subscribe', id => 'e', topic => 'events' });

my $r = $s->post('/v1/schedules', { name => 'web', type => 'tcp', target => '127.0.0.1', limit => 3,
  interval => '1s', measurementOptions => { port => $target, count => 1 } });
is($r->{status}, 201, 'a schedule is made') or diag $r->{content};

sub problems { return @{ $s->get('/v1/problems')->{json} || [] } }
sub events   { return grep { $_->{kind} eq $_[0] } @{ $s->get('/v1/events')->{json} || [] } }

ok($s->until(20, sub { problems() }), 'a problem is raised') or diag $s->log('controller');
my ($p) = problems();
is($p->{severity}, 'error', 'an error');
like($p->{text}, qr/^web is down in [23] of [23] regions \(/, 'in words');
like($p->{cause}, qr{^policies/verdict_quorum\.lua:\d+$}, 'with the line that said so');
is($p->{state}, 'open', 'open');
ok($s->until(10, sub { (problems())[0]{count} > 1 }), 'what is raised again is counted');
is(scalar(events('problem.raised')), 1, 'and is one event');
my @seen = $live->until(10, sub { ($_[0]{event}{kind} // '') eq 'problem.raised' });
is_deeply($seen[-1]{event}, (events('problem.raised'))[0], 'which a live reader is told as it is kept');
$live->close;
my ($deep) = @{ $p->{measurements} };
ok($deep, 'another type looks deeper');
my $m = $s->finished($deep);
is($m->{type}, 'echo', 'of the type that was asked for');
cmp_ok(scalar @{ $m->{results} }, '>=', 2, 'from the nodes that see it fail');

# ---- the faulty one ----
ok($s->until(10, sub { events('policy.quarantined') }), 'a faulty verdict is quarantined, with an event');
like((events('policy.quarantined'))[0]{text}, qr{broken is quarantined: .*policies/broken\.lua:2: }, 'at its line')
  or diag((events('policy.quarantined'))[0]{text});

# ---- who was told ----
ok($s->until(15, sub { my @l = lines_of($hooked); @l >= 3 }), 'the webhook is tried again');
my @calls = map { chomp; [ split /\t/, $_, 3 ] } lines_of($hooked);
is($calls[0][0], '503 Later', 'the first try failed');
for my $call (@calls) {
  my ($t, $v1) = $call->[1] =~ /^t=(\d+),v1=([0-9a-f]{64})$/;
  is($v1, hmac_sha256_hex(($t // '') . ".$call->[2]", 'open sesame'), 'it is signed');
}
my @told = map { decode_json($_->[2]) } grep { $_->[0] =~ /^2/ } @calls;
my ($raised) = grep { $_->{kind} eq 'problem.raised' } @told;
is($raised->{id}, $p->{id}, 'with the event') or diag explain \@told;
is($raised->{measurements}[0], $deep, 'and the measurement');
ok($s->until(10, sub { join('', lines_of($mailed)) =~ /web is down/ }), 'a mail is sent');
my $text = join '', lines_of($mailed);
like($text, qr/^MAIL FROM:<sonde\@example\.org>/m, 'from');
like($text, qr/^RCPT TO:<noc\@example\.org>/m, 'to');
like($text, qr/^Subject: \[error\] web is down in \d of \d regions/m, 'subject');
like($text, qr/^cause: policies\/verdict_quorum\.lua:\d+\r$/m, 'and cause');
ok($s->until(10, sub { grep { /problem\.raised/ } lines_of($paged) }), 'the command is run');

# ---- people ----
my ($rc, $out, $err) = $s->cli('event', 'ack', $p->{id}, '--comment', 'on it');
is($rc, 0, 'event ack') or diag $err;
($p) = problems();
is_deeply([ @{$p}{qw(state comment)} ], [ 'acked', 'on it' ], 'it is acknowledged');
is($s->post('/v1/events/00000000000000000000000000/ack', {})->{status}, 404, 'an unknown one');
($rc, $out, $err) = $s->cli('event', 'ls', '--open');
like($out, qr/web is down in/, 'event ls --open');
is($s->post('/v1/silences', { match => 'web' })->{status}, 400, 'a silence needs an end');
($rc, $out, $err) = $s->cli('event', 'silence', 'web', '--for', '2h', '--comment', 'maintenance');
is($rc, 0, 'event silence') or diag $err;
my @silences = @{ $s->get('/v1/silences')->{json} };
is_deeply([ @{ $silences[0] }{qw(match comment)} ], [ 'web', 'maintenance' ], 'is listed');
($p) = problems();
is($p->{silenced}, JSON::PP::true, 'and covers the problem');

# ---- a restart keeps all of it ----
sleep 1.5;
$s->kill('controller', 'TERM');
$s->start_controller('--config', "$s->{dir}/controller.yaml");
($p) = problems();
is_deeply([ @{$p}{qw(state comment)} ], [ 'acked', 'on it' ], 'a restart keeps problems');
is(scalar @{ $s->get('/v1/silences')->{json} }, 1, 'and silences');
$s->wait_online(@names);

# ---- it is over ----
my $open = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => $target,
  ReuseAddr => 1) or die "port: $!";
ok($s->until(20, sub { !problems() }), 'it is over when the target answers') or diag explain [problems()];
my ($cleared) = events('problem.cleared');
is($cleared->{of}, $p->{id}, 'by an event that names the first');
is($cleared->{text}, 'web is up', 'in words');
ok($s->until(15, sub { grep { /problem\.cleared/ } lines_of($hooked) }),
  'who was told of the problem is told that it is over');
is(scalar(events('problem.raised')), 1, 'there was one problem');

# ---- a new one while it is silenced ----
my $before = () = join('', lines_of($hooked)) =~ /problem\.raised/g;
close $open;
ok($s->until(25, sub { problems() }), 'down again');
ok((problems())[0]{silenced}, 'silenced');
sleep 1;
my $after = () = join('', lines_of($hooked)) =~ /problem\.raised/g;
is($after, $before, 'nobody is told');
is($s->delete("/v1/silences/$silences[0]{id}")->{status}, 204, 'a silence is ended');
is($s->delete("/v1/silences/$silences[0]{id}")->{status}, 404, 'once');

my $metrics = $s->get('/metrics')->{content};
like($metrics, qr/^sonde_problems_open 1$/m, 'metrics: open');
like($metrics, qr/^sonde_verdict_calls_total [1-9]/m, 'calls');
like($metrics, qr/^sonde_verdict_dropped_total 0$/m, 'none dropped');
like($metrics, qr/^sonde_notifications_total\{notifier="0",kind="webhook",outcome="sent"\} [1-9]/m, 'told');

is($s->delete('/v1/schedules/web')->{status}, 204, 'the schedule is removed');
ok($s->until(10, sub { !problems() }), 'and with it its problem');

# ---- what is refused at the start ----
for my $case (
  [ '--verdicts', 'nothing', qr/no policy "nothing" with on_result or on_node/ ],
  [ '--verdicts', 'least_load', qr/no policy "least_load" with on_result or on_node/ ],
  [ '--notify', 'carrier pigeon', qr/an entry begins with webhook, smtp or command/ ],
  [ '--notify', 'smtp smtp://127.0.0.1', qr/smtp needs a URL, from= and to=/ ],
  [ '--notify', 'webhook http://127.0.0.1 secret=/nowhere', qr{cannot read /nowhere} ],
) {
  my ($flag, $value, $want) = @$case;
  my $log = "$s->{dir}/refused.log";
  my $pid = fork() // die $!;
  if (!$pid) {
    open STDERR, '>', $log;
    open STDOUT, '>', '/dev/null';
    my @command = $s->controller_command($flag, $value);
    $_ eq "$s->{dir}/controller" and $_ = "$s->{dir}/other" for @command;
    exec @command or POSIX::_exit(127);
  }
  waitpid $pid, 0;
  is($? >> 8, 1, "$flag $value is refused");
  like(join('', lines_of($log)), $want, 'and why');
}
done_testing;
