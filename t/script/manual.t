#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Every example of doc/policies.md is what it says: it loads, its names are known, it decides for
# invented nodes without a fault; the tests in it pass. luacheck agrees where it is installed.
use strict;
use warnings;
use Cwd ();
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(srcdir slurp);
use JSON::PP qw(decode_json);
use Test::More;

my $tool = ($ENV{top_builddir} || '.') . '/sonde-policy';
my $dir = tempdir(CLEANUP => 1);
$ENV{SONDE_LUA} = Cwd::abs_path(srcdir()) . '/lua';

sub write_file {
  my ($path, $text) = @_;
  open my $f, '>', $path or die "$path: $!";
  print $f $text;
  close $f or die $!;
}

my $manual = slurp(srcdir() . '/doc/policies.md');
my ($policies, $n) = ('', 0);
my $first;
while ($manual =~ /^```lua( test(?: above)?)?\n(.*?)^```$/gms) {
  my ($test, $text) = ($1, $2);
  if ($test) {
    my $of = $test =~ /above/ ? $n : 1;
    write_file("$dir/example$of.t.lua", $text);
    my $out = qx($tool test $dir/example$of.lua);
    is($?, 0, "the tests of example $of pass") or diag $out;
    next;
  }
  my $file = "$dir/example" . ++$n . '.lua';
  write_file($file, $text);
  my ($line) = $text =~ /summary = "(.*?)"/;
  my $out = qx($tool check $file 2>&1);
  is($?, 0, "example $n loads: $line") or diag $out;
  my $report = decode_json(scalar qx($tool simulate $file --nodes 60 --want 3 --region asia));
  is($report->{fallbacks}, 0, 'and decides');
  cmp_ok($report->{nodes}[0]{count}, '>', 0, 'for some nodes');
}
cmp_ok($n, '>', 8, 'examples were found');

SKIP: {
  skip 'luacheck is not installed', 1 if system('command -v luacheck >/dev/null 2>&1');
  my $out = qx(luacheck --no-color -q --config $ENV{SONDE_LUA}/luacheckrc $dir/*[0-9].lua @{[ srcdir() ]}/policies);
  is($?, 0, 'luacheck with the shipped std') or diag $out;
}

# sonde-policy itself
my $new = qx(cd $dir && @{[ Cwd::abs_path($tool) ]} new fresh 2>&1 && @{[ Cwd::abs_path($tool) ]} test fresh.lua);
is($?, 0, 'a new policy passes its tests') or diag $new;
for my $case (
  [ "return { api = 1,\n", qr/^bad\.lua:2: unexpected symbol/ ],
  [ "return { api = 2, summary = 's', pick = 'hash' }\n", qr/^bad\.lua: api must be 1$/ ],
  [ "return { api = 1, summary = 's', pikc = 'hash' }\n", qr/unknown field 'pikc'; did you mean 'pick'\?/ ],
  [ "return { api = 1, summary = 's', pick = function(req, set, view)\n return lb.leest(set, view.lode, req.wnat) end }\n",
    qr/^bad\.lua:2: unknown name 'lb\.leest'; did you mean 'least'\?\nbad\.lua:2: unknown name 'view\.lode'; did you mean 'load'\?\nbad\.lua:2: unknown name 'req\.wnat'; did you mean 'want'\?$/ ],
  [ "local x = 1\nreturn { api = 1, summary = 's', pick = function() return print(x, xx) end }\n",
    qr/^bad\.lua:2: unknown name 'print'.*\nbad\.lua:2: unknown name 'xx'/ ],
  [ "return { api = 1, summary = 's', pick = function() return string.rep('x', 3) end }\n",
    qr/^bad\.lua:1: unknown name 'string\.rep'/ ],
) {
  write_file("$dir/bad.lua", $case->[0]);
  my $out = qx(cd $dir && @{[ Cwd::abs_path($tool) ]} check bad.lua 2>&1);
  is($? >> 8, 1, 'refused');
  like($out, $case->[1], 'and says why');
}
done_testing;
