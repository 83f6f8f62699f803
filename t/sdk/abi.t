#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The ABI law of sonde/plugin.h: a plugin built with the first header runs in this host, one from a
# later header is read as far as it is known or refused with a sentence, and nothing crashes.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../lib", "$FindBin::Bin/../runner";
use File::Copy qw(copy);
use File::Temp;
use House qw(builddir capture);
use JSON::PP;
use RunnerDriver;
use Sdk qw(run_check);
use Test::More;

my @plugins = qw(old newer newer_abi newer_need newer_target newer_param newer_field);
my $dir = File::Temp->newdir;
for my $name (@plugins) {
  copy(builddir() . "/t/sdk/abi/.libs/$name.so", "$dir/$name.so") or die "$name: $!\n";
  chmod 0755, "$dir/$name.so";
}

my ($rc, $text) = capture(builddir() . '/sonde-runner', '--describe', '--plugins', "$dir",
  '--log-level', 'error');
is($rc, 0, 'a host with all of them ends well') or diag($text);
my ($line) = grep { /^\{"plugins"/ } split /\n/, $text;
my $all  = decode_json($line // '{}');
my %plug = map { ($_->{name} => $_) } @{ $all->{plugins} };
my %why  = map { $_->{file} =~ m{([^/]+)\.so$} ? ($1 => $_->{why}) : () } @{ $all->{refused} };
is_deeply([sort keys %plug], [qw(newer old)], 'what keeps the law is taken');

my %refusal = (
  newer_abi    => qr/built for plugin ABI 2, this host has 1/,
  newer_need   => qr/needs something that this host does not know/,
  newer_target => qr/target is of a kind that this host does not know/,
  newer_param  => qr/parameter rows are not valid/,
  newer_field  => qr/field row 1 is not valid/,
);
like($why{$_} // 'taken', $refusal{$_}, "$_: refused with a sentence") for sort keys %refusal;

subtest 'an older plugin' => sub {
  is($plug{old}{target}, 'host', 'what its author did not know is as before');
  is_deeply([map { $_->{name} } @{ $plug{old}{params} }], [qw(count text)], 'its rows');
  my $r = RunnerDriver->new(plugins => "$dir");
  my $o = $r->run('old', '127.0.0.1', options => { count => 3, text => 'ab' });
  is($o->{body}{text}, 'ababab', 'runs');
  $o = $r->run('old', '127.0.0.1');
  is($o->{body}{text}, 'xx', 'with its defaults');
  $o = $r->run('old', '127.0.0.1', options => { count => 6 });
  is($o->{failure}, 'internal', 'and its ranges');
};

subtest 'a newer plugin' => sub {
  is_deeply([map { $_->{name} } @{ $plug{newer}{params} }], [qw(first second)], 'its parameters');
  is_deeply([map { $_->{name} } @{ $plug{newer}{fields} }], [qw(first sum telemetry)], 'its fields');
  my $r = RunnerDriver->new(plugins => "$dir");
  my $o = $r->run('newer', 'x', options => { second => 5 });
  is_deeply($o->{body}, { first => 1, sum => 6, telemetry => JSON::PP::false },
    'runs, and sees what the host lacks');
};

subtest 'plugin check' => sub {
  for my $name (@plugins) {
    my ($code, $said) = run_check("$dir/$name.so", '--runs', 50, '--seed', 1);
    is($code, $refusal{$name} ? 1 : 0, $name) or diag($said);
    unlike($said, qr/crash|ends the process/, "$name: no crash");
    like($said, $refusal{$name}, "$name: says why") if $refusal{$name};
  }
};

done_testing;
