#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Hot reload: other plugins come into the directory while 200 tasks a second run. No task is lost
# and none fails; new types and new versions are live at once; what is broken changes nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(builddir);
use Sonde;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $rate    = $ENV{SONDE_RATE} || 200;
my $built   = builddir() . '/t/e2e/shift';
my $s       = Sonde->new;
my $shift   = "$s->{plugins}/shift.so";
$s->start_controller;
$s->start_node('node-a', flags => { capacity => 512 });
$s->wait_online('node-a');

# As a package manager does it: a new file takes the name.
sub install {
  my ($version) = @_;
  Sonde::link_or_copy("$built/$version/.libs/shift.so", "$shift.new");
  rename "$shift.new", $shift or die "rename: $!";
}

# As people do it: the file that is open is written over.
sub overwrite {
  my ($version) = @_;
  open my $in, '<:raw', "$built/$version/.libs/shift.so" or die $!;
  open my $out, '+<:raw', $shift or die $!;
  truncate $out, 0;
  local $/;
  print $out scalar <$in>;
  close $out or die $!;
}

sub versions { return { map { $_->{name} => $_->{version} } @{ $s->node('node-a')->{plugins} } } }
sub runners { return $s->children('node-a') }
sub reload { my ($rc, $out, $err) = $s->cli('plugin', 'reload', @_); return ($rc, $out . $err) }

is($s->post('/v1/measurements', { type => 'shift', target => 'x' })->{status}, 400,
  'a type that is not there yet');
install(1);
my ($rc, $said) = reload();
is($rc, 0, 'reload') or diag $said;
like($said, qr/^node-a: \d+ types$/m, 'says what the node has');
is(versions()->{shift}, '1.0', 'the node has it');
like(($s->cli('plugin', 'ls'))[1], qr/^shift +1\.0 /m, 'sonde plugin ls lists it');
like(($s->cli('plugin', 'ls', '--node', 'node-a'))[1], qr/^shift +1\.0\b/m, 'also of a node');
is($s->measure({ type => 'shift', target => 'x' })->{results}[0]{result}{shift}, 1, 'it runs');

# A stream of tasks while things change. The generator notes what it was promised.
my $promised = "$s->{dir}/promised";
sub stream {
  my ($seconds) = @_;
  my $pid = fork() // die;
  return $pid if $pid;
  my ($start, $sent) = (time, 0);
  open my $out, '>>', $promised or die $!;
  while ((my $passed = time - $start) < $seconds) {
    my $n = int($passed * $rate) - $sent;
    if ($n < 1) { sleep 0.005; next }
    my @batch = map { $_ % 4 == 0
      ? { type => 'echo', target => 'e', timeout => 20, measurementOptions => { delay => '300ms' } }
      : { type => 'shift', target => 's', timeout => 20, measurementOptions => { delay => '300ms' } }
    } 1 .. ($n > 50 ? 50 : $n);
    my $r = $s->post('/v1/measurements', \@batch);
    print $out "$_->{id}\n" for ref $r->{json} eq 'ARRAY' ? @{ $r->{json} } : ();
    $sent += @batch;
  }
  close $out;
  $s->{pids} = {}; # they are the parent's
  POSIX::_exit(0);
}

my ($node_pid) = $s->{pids}{'node-a'};
my @changes = (
  [ 'a changed plugin, sonde plugin reload', sub { install(2); reload() }, '2.0' ],
  [ 'a file written over, SIGHUP',           sub { overwrite(1); kill 'HUP', $node_pid; (0, '') }, '1.0' ],
  [ 'one node, by its name',                 sub { overwrite(2); reload('--node', 'node-a') }, '2.0' ],
  [ 'another plugin goes',
    sub { rename "$s->{plugins}/sweep.so", "$s->{dir}/sweep.so" or die $!; reload() }, '2.0' ],
  [ 'and comes back',
    sub { rename "$s->{dir}/sweep.so", "$s->{plugins}/sweep.so" or die $!; reload() }, '2.0' ],
  [ 'the same again, twice at once',
    sub { kill 'HUP', $node_pid; install(1); reload() }, '1.0' ],
);
my $generator = stream(2 + 1.5 * @changes);
sleep 1;
for my $change (@changes) {
  my ($name, $do, $want) = @$change;
  my ($old) = runners();
  my $began = time;
  my ($code, $text) = $do->();
  is($code, 0, "$name") or diag $text;
  ok($s->until(10, sub { (versions()->{shift} // '') eq $want }), "... $want is live") or diag $s->log('node-a');
  note sprintf "%s: live after %.2f s, runners: %d", $name, time - $began, scalar runners();
  sleep 1 - (time - $began) if time - $began < 1;
}
waitpid $generator, 0;

open my $in, '<', $promised or die $!;
chomp(my @ids = <$in>);
cmp_ok(scalar @ids, '>', $rate * (1 + 1.2 * @changes), 'tasks ran all the while: ' . @ids);
my (%fates, %ran, @bad);
for my $id (@ids) {
  my $m = $s->finished($id, 30);
  my $r = $m->{results}[0]{result};
  my $fate = $m->{status} ne 'finished' ? 'lost' : $r->{status} ne 'finished' ? $r->{failure} // 'failed' : 'ok';
  $fates{$fate}++;
  push @bad, encode_json($m) if $fate ne 'ok' && @bad < 3;
  $ran{ $r->{shift} }++ if defined $r->{shift};
}
is_deeply(\%fates, { ok => scalar @ids }, 'none was lost and none failed') or diag join "\n", @bad;
cmp_ok($ran{1} // 0, '>', 100, 'version 1 ran');
cmp_ok($ran{2} // 0, '>', 100, 'and version 2');
is($s->{pids}{'node-a'}, $node_pid, 'the node is the same process');
ok(kill(0, $node_pid), 'and lives');
ok($s->until(10, sub { my @now = runners(); @now == 1 }), 'one runner is left');
is($s->measure({ type => 'sweep', target => '127.0.0.1' })->{results}[0]{result}{status}, 'finished',
  'a type that came back works');

# A parameter that only the new version has is known to the controller at once.
install(2);
($rc) = reload();
is($s->measure({ type => 'shift', target => 'x', measurementOptions => { word => 'hi' } })
  ->{results}[0]{result}{word}, 'hi', 'the new description is in force');

# Broken: a plugin that works now is not lost through a bad file.
my ($runner) = runners();
overwrite_with("\x7fELF and then nothing");
($rc, $said) = reload();
is($rc, 1, 'a broken file in the place of a plugin: refused');
like($said, qr/^node-a: shift\.so is broken, so that the plugins stay as they were: /m, 'with the reason');
is(versions()->{shift}, '2.0', 'the node keeps what it has');
is((runners())[0], $runner, 'in the same runner') if $s->until(5, sub { my @r = runners(); @r == 1 });
is($s->measure({ type => 'shift', target => 'x' })->{results}[0]{result}{shift}, 2, 'which works');
like($s->log('node-a'), qr/shift\.so is broken/, 'and the log says so');
install(2);
open my $junk, '>', "$s->{plugins}/junk.so" or die $!;
print $junk "no plugin\n";
close $junk;
($rc, $said) = reload();
is($rc, 0, 'a broken file that is new: the others go on');
like($said, qr/^node-a: junk\.so is left out: /m, 'and it is told');

# A long task stays with the old runner while the new one works.
unlink "$s->{plugins}/junk.so";
my $long = $s->post('/v1/measurements', { type => 'shift', target => 'long', timeout => 20,
  measurementOptions => { delay => '3s' } })->{json}{id};
sleep 0.3;
install(1);
($rc) = reload();
is($s->measure({ type => 'shift', target => 'x' })->{results}[0]{result}{shift}, 1, 'new tasks: new version');
is(scalar runners(), 2, 'two runners');
is($s->finished($long)->{results}[0]{result}{shift}, 2, 'the long task ends with the old version');
ok($s->until(5, sub { my @r = runners(); @r == 1 }), 'and then its runner goes');

# A type that the controller's own directory lacks is learned from the node.
mkdir "$s->{dir}/more";
Sonde::link_or_copy($_, "$s->{dir}/more/" . (split m{/}, $_)[-1]) for glob "$s->{plugins}/*.so";
unlink $shift;
($rc) = reload();
is($s->post('/v1/measurements', { type => 'shift', target => 'x' })->{status}, 400, 'the type is gone');
$s->start_node('node-b', flags => { plugins => "$s->{dir}/more" });
$s->wait_online('node-b');
is($s->measure({ type => 'shift', target => 'x' })->{results}[0]{probe}{name}, 'node-b',
  'a node brings it: it runs there');

# Not from one that waits for approval, but once it has it.
is($s->delete("/v1/nodes/node-b")->{status}, 204, 'that node goes');
$s->kill('node-b', 'KILL');
($rc) = reload();
is($s->post('/v1/measurements', { type => 'shift', target => 'x' })->{status}, 400, 'and its type with it');
Sonde::link_or_copy("$built/2/.libs/shift.so", "$s->{dir}/more/shift.so");
$s->start_node('node-c', token => $s->registration_token(approve => JSON::PP::false),
  flags => { plugins => "$s->{dir}/more" });
$s->until(20, sub { my $n = $s->node('node-c'); $n && $n->{plugins} && @{ $n->{plugins} } }) or die;
isnt($s->node('node-c')->{status}, 'online', 'a node that waits for approval');
$s->patch('/v1/nodes/node-c', { approved => JSON::PP::true });
ok($s->until(10, sub { $s->get('/v1/plugins')->{content} =~ /"shift","version":"2\.0"/ }),
  'its types are known once it is approved');

is($s->request('POST', '/v1/plugins/reload', undef, token => undef)->{status}, 401, 'reload needs a token');
is($s->post('/v1/plugins/reload/nobody', undef)->{status}, 404, 'and a node that exists');
done_testing;

sub overwrite_with {
  open my $out, '>:raw', "$shift.bad" or die $!;
  print $out $_[0];
  close $out;
  rename "$shift.bad", $shift or die $!;
}
