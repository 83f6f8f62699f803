# SPDX-License-Identifier: Apache-2.0
# A controller, a fleet of nodes that make numbered results, and the independent checker: it knows
# only what the fleet wrote down and what is in the store.
package Delivery;
use strict;
use warnings;
use JSON::PP;
use Sonde;
use Time::HiRes qw(sleep time);

my $bld = $ENV{top_builddir} || '.';

sub new {
  my ($class, %o) = @_;
  my $self = bless { sonde => Sonde->new(%{ $o{sonde} || {} }), nodes => $o{nodes} || 4,
    rate => $o{rate} || 200, flags => $o{flags} || [], prefix => $o{prefix} }, $class;
  $self->{log} = "$self->{sonde}{dir}/fleet.log.lines";
  mkdir "$self->{sonde}{dir}/fleet";
  return $self;
}

sub spawn_fleet {
  my ($self) = @_;
  my $s = $self->{sonde};
  $self->{token} //= $s->registration_token(uses => 10_000);
  my $file = "$s->{dir}/fleet.token";
  open my $f, '>', $file or die "$file: $!";
  print $f "$self->{token}\n";
  close $f;
  chmod 0600, $file;
  $s->spawn('fleet', @{ $self->{prefix} || [] }, "$bld/t/delivery/fleet", '-u', $s->url, '-t', $file, '-d',
    "$s->{dir}/fleet", '-l', $self->{log}, '-n', $self->{nodes}, '-r', $self->{rate},
    @{ $self->{flags} });
}

sub start_fleet {
  my ($self) = @_;
  my $s = $self->{sonde};
  my $runs = $self->lines('R');
  $self->spawn_fleet;
  $s->until(60, sub { $self->lines('R') > $runs }) or die "no fleet: " . $s->log('fleet');
}

sub lines {
  my ($self, $kind) = @_;
  open my $f, '<', $self->{log} or return 0;
  return scalar grep { /^$kind\b/ } <$f>;
}

# Make no more, and wait until all is acknowledged; false when that does not happen.
sub drain {
  my ($self, $limit) = @_;
  my $before = $self->lines('D');
  CORE::kill 'USR1', $self->{sonde}{pids}{fleet};
  return $self->{sonde}->until($limit || 60, sub { $self->lines('D') > $before });
}

sub stored {
  my ($self) = @_;
  open my $f, '-|', "$bld/t/delivery/dump", "$self->{sonde}{dir}/controller"
    or die "dump: $!";
  my @rows;
  while (<$f>) {
    chomp;
    my ($node, $epoch, $seq, $late, $received, $body) = split / /, $_, 6;
    my $b = decode_json($body);
    push @rows, { node => $node, epoch => $epoch, seq => $seq, late => $late, received => $received,
      number => $b->{n}, at => $b->{at}, lost => $b->{status} eq 'lost' ? $b->{count} : 0 };
  }
  close $f or die "dump ended with $?";
  return @rows;
}

# What is against the rules, as sentences; empty when all is well. Of what was made and is not stored
# everything must be declared as lost, unless it never was durable.
sub check {
  my ($self, %o) = @_;
  my (%made, %durable, %acked, @wrong);
  open my $f, '<', $self->{log} or die "no log";
  my %open;
  while (<$f>) {
    my ($kind, $node, @v) = split;
    # What an earlier run made and did not make durable was never promised.
    if ($kind eq 'R') { %open = () }
    elsif ($kind eq 'P') { $made{$node}{ $v[0] } = 1; push @{ $open{$node} }, $v[0] }
    elsif ($kind eq 'S') { $durable{$node}{$_} = 1 for @{ delete $open{$node} || [] } }
    elsif ($kind eq 'A') { $acked{$node}{ $v[0] } = $v[1] if ($acked{$node}{ $v[0] } // 0) < $v[1] }
  }
  my (%stored, %numbers, %lost, %spans);
  for my $r ($self->stored) {
    next if $r->{node} =~ /^0+$/ || !exists $made{ $r->{node} };
    my $key = "$r->{node}/$r->{epoch}/$r->{seq}";
    push @wrong, "$key is stored twice" if $stored{$key}++;
    push @{ $spans{ $r->{node} }{ $r->{epoch} } }, [ $r->{seq}, $r->{seq} + ($r->{lost} || 1) - 1 ];
    $lost{ $r->{node} } += $r->{lost};
    next if $r->{lost};
    push @wrong, "result $r->{number} is stored twice" if $numbers{ $r->{node} }{ $r->{number} }++;
    push @wrong, "result $r->{number} was never made" unless $made{ $r->{node} }{ $r->{number} };
    push @wrong, "result $r->{number} counts, though nobody asked for it" unless $r->{late};
  }
  push @wrong, "results are declared lost, though nothing was damaged or full"
    if $o{no_loss} && grep { $_ } values %lost;
  for my $node (keys %durable) {
    my @missing = grep { !$numbers{$node}{$_} } keys %{ $durable{$node} };
    my $declared = $lost{$node} || 0;
    push @wrong, @missing . " durable results of $node are missing, $declared declared lost"
      if $o{exact} ? @missing != $declared : @missing > $declared;
  }
  for my $node (keys %spans) {
    for my $epoch (keys %{ $spans{$node} }) {
      my $next = 1;
      for my $span (sort { $a->[0] <=> $b->[0] } @{ $spans{$node}{$epoch} }) {
        push @wrong, "$node/$epoch: $next to $span->[0] is a hole" if $span->[0] > $next;
        $next = $span->[1] + 1 if $span->[1] >= $next;
      }
      my $acked = $acked{$node}{$epoch} // 0;
      push @wrong, "$node/$epoch: acknowledged up to $acked, stored up to " . ($next - 1)
        if $acked >= $next;
    }
  }
  return @wrong;
}

sub total { my ($self) = @_; return $self->lines('P') }

1;
