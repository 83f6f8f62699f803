#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# kill -9 exactly at each edge of a result's way: in the node before and after each durable step, in the
# controller before and after the commit and the ack, in the runner from the task it read to the result
# it wrote, and while plugins are reloaded. Each edge at least once. Needs a build with --enable-faults.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use Cwd;
use Delivery;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'not built with --enable-faults' unless $ENV{SONDE_FAULTS};
my $kills = $ENV{SONDE_KILLS} || 20;
my @controller = qw(ingest.received store.before_commit store.committed ingest.before_ack
  ingest.acked);
my @node = qw(spool.before_write spool.before_sync spool.committed link.sent link.stored
  link.trimmed);
my @runner = qw(runner.task_read runner.probe_started runner.result_made runner.result_written
  runner.plugins_opened runner.told_to_quit);
# Of every 17 kills 11 are of the first two, 6 of the runner; no edge is left out.
my $of_runner = $kills * 6 / 17 < @runner ? @runner : int($kills * 6 / 17);
$kills = $kills - $of_runner < @controller + @node ? @controller + @node : $kills - $of_runner;

my $d = Delivery->new(nodes => 3, rate => 800);
my $s = $d->{sonde};

# True when the process died at its edge, and not because we lost patience.
sub died {
  my ($name) = @_;
  my $gone = $s->until(30, sub { waitpid($s->{pids}{$name}, 1) > 0 });
  delete $s->{pids}{$name} if $gone;
  $s->kill($name, 'KILL');
  return $gone;
}

sub armed {
  my ($edge, $start) = @_;
  local $ENV{SONDE_KILL_AT} = $edge . ':' . (1 + int rand 12);
  $start->();
}

srand($ENV{SONDE_SEED} || 1);
$s->start_controller;
$d->start_fleet;
my $round = 0;
while ($round < $kills) {
  for my $edge (@controller) {
    last if $round++ >= $kills;
    $s->kill('controller', 'KILL');
    armed($edge, sub { $s->spawn('controller', $s->controller_command) });
    ok(died('controller'), "the controller died at $edge");
    $s->start_controller;
  }
  for my $edge (@node) {
    last if $round++ >= $kills;
    $s->kill('fleet', 'KILL');
    armed($edge, sub { $d->spawn_fleet });
    ok(died('fleet'), "the nodes died at $edge");
    $d->start_fleet;
  }
}
ok($d->drain, 'all is acknowledged in the end');
my @wrong = $d->check(no_loss => 1);
is(scalar @wrong, 0, $d->total . ' results, the invariants hold')
  or diag join "\n", grep { defined } @wrong[0 .. 9];
undef $s;
undef $d;

# ---- the runner ----

my $r = Sonde->new;
my $dir = $r->{dir};
my $runner = Cwd::abs_path(Sonde::program('sonde-runner'));

# The next runner dies at the edge that the file "arm" names; those after it do not.
sub write_file {
  my ($path, $text) = @_;
  open my $f, '>', "$path.new" or die "$path: $!";
  print $f $text;
  close $f or die "$path: $!";
  rename "$path.new", $path or die "$path: $!";
}
write_file("$dir/runner", <<"SH");
#!/bin/sh
case "\$*" in
*--describe*) ;;
*) if mv $dir/arm $dir/arm.taken 2>/dev/null; then
     export SONDE_KILL_AT="\$(cat $dir/arm.taken)"
   fi ;;
esac
exec $runner "\$@"
SH
chmod 0755, "$dir/runner";

sub dead { return scalar(() = $r->log('armed') =~ /killed by signal 9/g) }
sub reload { $r->post('/v1/plugins/reload/armed', {}) }

my @asked;
sub ask {
  my @batch = map { { type => 'echo', target => 'edge', timeout => 10,
    measurementOptions => { delay => int(rand 60) . 'ms' } } } 1 .. 10;
  my $answer = $r->post('/v1/measurements', \@batch);
  push @asked, map { $_->{id} } @{ $answer->{json} } if $answer->{status} == 202;
}

$r->start_controller;
$r->start_node('armed', flags => { runner => "$dir/runner" });
$r->start_node('other');
$r->wait_online('armed', 'other');
for my $n (0 .. $of_runner - 1) {
  my $edge = $runner[$n % @runner];
  my $passages = $edge =~ /opened|quit/ ? 1 : 1 + int rand 12;
  my $before = dead();
  write_file("$dir/arm", "$edge:$passages");
  ask();
  reload();
  ok($r->until(120, sub { !-e "$dir/arm" }), 'a new runner was started') or diag $r->log('armed');
  # A reload that was asked for before may replace the armed runner: then another is armed.
  my $since = time;
  my $died = $r->until(120, sub {
    ask();
    if (time - $since > ($edge =~ /quit/ ? 1 : 6)) {
      write_file("$dir/arm", "$edge:$passages") if $edge !~ /quit/ || rand() < 0.3;
      reload();
      $since = time;
    }
    return dead() > $before;
  });
  unlink "$dir/arm";
  ok($died, "the runner died at $edge") or diag $r->log('armed');
}
my (%fates, @odd);
for my $id (@asked) {
  my $m = $r->finished($id, 60);
  my @results = @{ $m->{results} || [] };
  my $fate = $m->{status} ne 'finished' || @results != 1 ? 'odd'
    : $results[0]{result}{status} eq 'finished' ? 'ok' : $results[0]{result}{failure} // 'failed';
  $fates{$fate}++;
  push @odd, JSON::PP::encode_json($m) unless $fate =~ /^(ok|crashed)$/;
}
is(scalar @odd, 0, @asked . ' tasks, each with one end: ' . join ', ', map { "$_ $fates{$_}" } sort keys %fates)
  or diag join "\n", grep { defined } @odd[0 .. 4];
cmp_ok($fates{ok} // 0, '>', @asked / 2, 'most of them ran again, or elsewhere');
$r->kill('armed', 'TERM');
$r->kill('other', 'TERM');
$r->kill('controller', 'TERM');
my (%rows, %twice);
open my $dump, '-|', ($ENV{top_builddir} || '.') . '/t/delivery/dump', "$dir/controller" or die "dump: $!";
while (<$dump>) {
  my ($node, $epoch, $seq, $late) = split ' ';
  next if $node =~ /^0+$/;
  $twice{"$node/$epoch/$seq"}++ if $rows{"$node/$epoch"}{$seq}++;
}
close $dump;
is(scalar keys %twice, 0, 'none is stored twice');
for my $key (sort keys %rows) {
  my @seqs = sort { $a <=> $b } keys %{ $rows{$key} };
  is($seqs[-1], scalar @seqs, "$key: 1 to $seqs[-1] without a hole");
}
done_testing;
