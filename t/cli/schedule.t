#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# sonde schedule, apply and event against a real controller and one node.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use JSON::PP;
use Test::More;

my $s = Sonde->new;
$s->start_controller;
$s->start_nodes('eu');

sub ok_cli {
  my ($what, @args) = @_;
  my ($rc, $out, $err) = $s->cli(@args);
  is($rc, 0, $what) or diag $out, $err;
  return $out;
}

sub bad_cli {
  my ($code, $pattern, @args) = @_;
  my ($rc, $out, $err) = $s->cli(@args);
  is($rc, $code, "@args: $code");
  like($err, $pattern, 'and says why');
}

# ---- schedule ----
my $out = ok_cli('add', qw(schedule add web echo hello --interval 1s --limit 1 -O delay=1ms),
  '--description', 'a test');
like($out, qr/^NAME .* RECEIVED/, 'prints the schedule');
like($out, qr/^web +echo +hello +every 1s +1 /m, 'in one line');
ok_cli('add by cron', qw(schedule add night echo x --zone +02:00 --node node-eu --paused),
  '--cron', '30 2 * * *');
$out = ok_cli('ls', qw(schedule ls));
like($out, qr/^night +echo +x +paused, 30 2 \* \* \* /m, 'lists it');
ok($s->until(15, sub { $s->get('/v1/schedules/web')->{json}{received} > 1 }), 'it runs');
$out = ok_cli('show', qw(schedule show web));
like($out, qr/^web: echo, revision 1$/m, 'shows what it is');
like($out, qr/^measurementOptions: \{"delay": "1ms"\}$/m, 'its options');
like($out, qr/^node-eu +online +assigned +yes /m, 'and its nodes');
my $json = decode_json(ok_cli('as JSON', qw(schedule show web -o json)));
is($json->{name}, 'web', 'also as JSON');
is(scalar(split /\n/, ok_cli('as CSV', qw(schedule ls -o csv))), 3, 'a line each in CSV');
ok_cli('edit', qw(schedule edit web interval=5s measurementOptions.delay=2ms description=));
$json = $s->get('/v1/schedules/web')->{json};
is($json->{interval}, '5s', 'changed');
is($json->{measurementOptions}{delay}, '2ms', 'within an object');
ok(!exists $json->{description}, 'taken away');
ok_cli('pause', qw(schedule pause web));
ok($s->get('/v1/schedules/web')->{json}{paused}, 'paused');
ok_cli('resume', qw(schedule resume web));
ok(!$s->get('/v1/schedules/web')->{json}{paused}, 'resumed');
$out = ok_cli('run', qw(schedule run web));
like($out, qr/^[0-9a-z]{26}$/m, 'run now prints the measurement');
chomp $out;
is($s->finished($out)->{results}[0]{result}{status}, 'finished', 'which finishes');
ok_cli('a mesh', qw(schedule add mesh ping --interval 60s --to-region eu -O packets=1));
is_deeply($s->get('/v1/schedules/mesh')->{json}{targets}, { nodes => { regions => ['eu'] } },
  'with a filter');
ok_cli('rm', qw(schedule rm mesh));
bad_cli(5, qr/schedule/, qw(schedule show mesh));
bad_cli(2, qr/"interval" is required/, qw(schedule add x echo y));
bad_cli(2, qr/"cron" has a minute/, qw(schedule add x echo y --cron), '99 * * * *');
bad_cli(2, qr/did you mean 'show'\?/, qw(schedule shw web));
bad_cli(2, qr/not KEY=VALUE/, qw(schedule edit web oops));
bad_cli(2, qr/usage: sonde schedule add NAME TYPE/, qw(schedule add web));

# ---- apply ----
my $file = "$s->{dir}/schedules.yaml";

sub file {
  open my $f, '>', $file or die $!;
  print $f @_;
  close $f;
}

file(<<'END');
# What shall be.
schedules:
  - name: web
    type: echo
    target: hello
    interval: 10s          # was 5s
    limit: 1
  - name: dns
    type: echo
    target: "53"
    cron: "*/5 * * * *"
    nodes: [node-eu]
    windows:
      - { cron: "0 2 * * 0", duration: 2h }
END
$out = ok_cli('apply --dry-run', 'apply', '-f', $file, '--dry-run');
like($out, qr/^~ web\n/m, 'shows what would change');
like($out, qr/^    interval: "5s" -> "10s"$/m, 'how');
like($out, qr/^    measurementOptions: .* -> nothing$/m, 'what goes');
like($out, qr/^\+ dns$/m, 'and what is new');
like($out, qr/^2 to change \(nothing was done\), 0 as they should be$/m, 'and does nothing');
is($s->get('/v1/schedules/web')->{json}{interval}, '5s', 'really nothing');
ok_cli('apply', 'apply', '-f', $file);
is($s->get('/v1/schedules/web')->{json}{interval}, '10s', 'changed');
is($s->get('/v1/schedules/dns')->{json}{target}, '53', 'made; a quoted number is a text');
is($s->get('/v1/schedules/night')->{status}, 200, 'what is not named stays');
$out = ok_cli('apply again', 'apply', '-f', $file);
like($out, qr/^0 to change, 2 as they should be$/m, 'twice is once');
ok_cli('pause by hand', qw(schedule pause dns));
like(ok_cli('apply after that', 'apply', '-f', $file), qr/^0 to change/m, 'a pause is left alone');
$out = ok_cli('apply --prune', 'apply', '-f', $file, '--prune', '-o', 'json');
is_deeply(decode_json($out), [ { action => 'remove', name => 'night' } ], 'removes, and says so');
is($s->get('/v1/schedules/night')->{status}, 404, 'it is gone');

for my $case (
  [ "schedules:\n  - name: a\n    name: b\n", qr/:3:\d+: the key occurs twice/ ],
  [ "schedules: &a []\n",                     qr/:1:\d+: anchors and tags/ ],
  [ "schedules: [*a]\n",                      qr/aliases|undefined/ ],
  [ "schedules: []\n---\nschedules: []\n",    qr/only one document/ ],
  [ "schedules:\n\t- x\n",                    qr/:2:1: / ],
  [ "nodes: []\n",                            qr/'nodes' is unknown/ ],
  [ '',                                       qr/is empty/ ],
  [ "schedules:\n  - type: echo\n",           qr/schedules\[0\] has no name/ ],
  [ "schedules:\n  - name: a\n  - name: a\n", qr/two schedules are named a/ ],
  [ 'schedules: ' . ('[' x 40) . (']' x 40),  qr/nested too deeply/ ],
) {
  file($case->[0]);
  bad_cli(2, $case->[1], 'apply', '-f', $file);
}
bad_cli(2, qr/cannot open/, 'apply', '-f', "$file.none");
bad_cli(2, qr/which file/, 'apply');
like(ok_cli('help', qw(apply --help)), qr/^usage: sonde apply -f FILE/, 'help of apply');
ok_cli('event ls', qw(event ls));
done_testing;
