// @ts-nocheck
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import { type GraphQLClient, type RequestOptions } from 'graphql-request';
import { gql } from 'graphql-request';
type GraphQLClientRequestHeaders = RequestOptions['requestHeaders'];
export type DecisionFragment = { readonly allowed: boolean, readonly reason: string | null, readonly metric: string | null, readonly amount: number | null, readonly used: number | null, readonly reserved: number | null, readonly limit: number | null, readonly remaining: number | null, readonly resetsAt: string | null, readonly retryAfterSeconds: number | null, readonly reservationId: string | null, readonly upgrade: { readonly planId: string, readonly name: string, readonly priceCents: number } | null };

export type CheckUsageQueryVariables = Exact<{
  workspaceId: string;
  metric: string;
  amount?: number | null | undefined;
}>;


export type CheckUsageQuery = { readonly checkUsage: { readonly allowed: boolean, readonly reason: string | null, readonly metric: string | null, readonly amount: number | null, readonly used: number | null, readonly reserved: number | null, readonly limit: number | null, readonly remaining: number | null, readonly resetsAt: string | null, readonly retryAfterSeconds: number | null, readonly reservationId: string | null, readonly upgrade: { readonly planId: string, readonly name: string, readonly priceCents: number } | null } };

export type ConsumeUsageMutationVariables = Exact<{
  workspaceId: string;
  metric: string;
  amount?: number | null | undefined;
  idempotencyKey?: string | null | undefined;
  required?: boolean | null | undefined;
}>;


export type ConsumeUsageMutation = { readonly consumeUsage: { readonly allowed: boolean, readonly reason: string | null, readonly metric: string | null, readonly amount: number | null, readonly used: number | null, readonly reserved: number | null, readonly limit: number | null, readonly remaining: number | null, readonly resetsAt: string | null, readonly retryAfterSeconds: number | null, readonly reservationId: string | null, readonly upgrade: { readonly planId: string, readonly name: string, readonly priceCents: number } | null } };

export type ReserveUsageMutationVariables = Exact<{
  workspaceId: string;
  metric: string;
  amount?: number | null | undefined;
  idempotencyKey?: string | null | undefined;
  required?: boolean | null | undefined;
  ttlSeconds?: number | null | undefined;
}>;


export type ReserveUsageMutation = { readonly reserveUsage: { readonly allowed: boolean, readonly reason: string | null, readonly metric: string | null, readonly amount: number | null, readonly used: number | null, readonly reserved: number | null, readonly limit: number | null, readonly remaining: number | null, readonly resetsAt: string | null, readonly retryAfterSeconds: number | null, readonly reservationId: string | null, readonly upgrade: { readonly planId: string, readonly name: string, readonly priceCents: number } | null } };

export type CommitUsageMutationVariables = Exact<{
  workspaceId: string;
  reservationId: string;
  amount?: number | null | undefined;
}>;


export type CommitUsageMutation = { readonly commitUsage: { readonly allowed: boolean, readonly reason: string | null, readonly metric: string | null, readonly amount: number | null, readonly used: number | null, readonly reserved: number | null, readonly limit: number | null, readonly remaining: number | null, readonly resetsAt: string | null, readonly retryAfterSeconds: number | null, readonly reservationId: string | null, readonly upgrade: { readonly planId: string, readonly name: string, readonly priceCents: number } | null } };

export type ReleaseUsageMutationVariables = Exact<{
  workspaceId: string;
  reservationId: string;
}>;


export type ReleaseUsageMutation = { readonly releaseUsage: { readonly allowed: boolean, readonly reason: string | null, readonly metric: string | null, readonly amount: number | null, readonly used: number | null, readonly reserved: number | null, readonly limit: number | null, readonly remaining: number | null, readonly resetsAt: string | null, readonly retryAfterSeconds: number | null, readonly reservationId: string | null, readonly upgrade: { readonly planId: string, readonly name: string, readonly priceCents: number } | null } };

export type SuggestUpgradeQueryVariables = Exact<{
  workspaceId: string;
}>;


export type SuggestUpgradeQuery = { readonly suggestUpgrade: { readonly currentPlanId: string, readonly metrics: ReadonlyArray<string>, readonly recommendation: string, readonly why: string, readonly pressing: ReadonlyArray<{ readonly metric: string, readonly reason: string, readonly used: number, readonly reserved: number, readonly limit: number, readonly projected: number, readonly fullAt: string | null }>, readonly upgrade: { readonly planId: string, readonly name: string, readonly priceCents: number } | null, readonly addOns: ReadonlyArray<{ readonly addOnId: string, readonly name: string, readonly quantity: number, readonly priceCents: number }>, readonly downgrade: { readonly planId: string, readonly name: string, readonly priceCents: number } | null } };

export type UsageRowFragment = { readonly metric: string | null, readonly kind: string | null, readonly unit: string | null, readonly used: number | null, readonly reserved: number | null, readonly limit_value: number | null, readonly remaining: number | null, readonly percent: number | null, readonly status: string | null, readonly period_start: string | null, readonly resets_at: string | null };

export type CurrentUsageRowsQueryVariables = Exact<{ [key: string]: never; }>;


export type CurrentUsageRowsQuery = { readonly usage_current: ReadonlyArray<{ readonly metric: string | null, readonly kind: string | null, readonly unit: string | null, readonly used: number | null, readonly reserved: number | null, readonly limit_value: number | null, readonly remaining: number | null, readonly percent: number | null, readonly status: string | null, readonly period_start: string | null, readonly resets_at: string | null }> };

export type WatchUsageSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type WatchUsageSubscription = { readonly usage_current: ReadonlyArray<{ readonly metric: string | null, readonly kind: string | null, readonly unit: string | null, readonly used: number | null, readonly reserved: number | null, readonly limit_value: number | null, readonly remaining: number | null, readonly percent: number | null, readonly status: string | null, readonly period_start: string | null, readonly resets_at: string | null }> };

export type WatchMetricSubscriptionVariables = Exact<{
  metric: string;
}>;


export type WatchMetricSubscription = { readonly usage_current: ReadonlyArray<{ readonly metric: string | null, readonly kind: string | null, readonly unit: string | null, readonly used: number | null, readonly reserved: number | null, readonly limit_value: number | null, readonly remaining: number | null, readonly percent: number | null, readonly status: string | null, readonly period_start: string | null, readonly resets_at: string | null }> };

export type UsageAlertsQueryVariables = Exact<{
  limit?: number | null | undefined;
}>;


export type UsageAlertsQuery = { readonly usage_alerts: ReadonlyArray<{ readonly id: string, readonly metric: string, readonly period_start: string, readonly threshold_percent: number | null, readonly used: number, readonly limit_value: number | null, readonly created_at: string, readonly acknowledged_at: string | null }> };

export type UsageQueryVariables = Exact<{
  workspaceId: string;
  period?: string | null | undefined;
}>;


export type UsageQuery = { readonly getCurrentUsage: { readonly workspaceId: string, readonly period: string, readonly periodStart: string, readonly resetsAt: string | null, readonly planId: string, readonly metrics: ReadonlyArray<{ readonly metric: string, readonly kind: string, readonly unit: string, readonly used: number, readonly reserved: number, readonly limit: number | null, readonly remaining: number | null, readonly percent: number | null, readonly status: string, readonly peak: number | null }> } };

export type WorkspaceQueryVariables = Exact<{ [key: string]: never; }>;


export type WorkspaceQuery = { readonly workspaces: ReadonlyArray<{ readonly id: string, readonly name: string, readonly slug: string, readonly members: ReadonlyArray<{ readonly role: string, readonly user: { readonly id: string, readonly display_name: string } }>, readonly channels: ReadonlyArray<{ readonly id: string, readonly name: string, readonly archived_at: string | null }> }> };

export type CreateChannelMutationVariables = Exact<{
  name: string;
}>;


export type CreateChannelMutation = { readonly insert_channels_one: { readonly id: string, readonly name: string } | null };

export type SendMessageMutationVariables = Exact<{
  channelId: string;
  body: string;
}>;


export type SendMessageMutation = { readonly insert_messages_one: { readonly id: string, readonly created_at: string } | null };

export type DeleteMessageMutationVariables = Exact<{
  id: string;
  at: string;
}>;


export type DeleteMessageMutation = { readonly update_messages_by_pk: { readonly id: string } | null };

export type AddFileMutationVariables = Exact<{
  name: string;
  sizeBytes: number;
}>;


export type AddFileMutation = { readonly insert_files_one: { readonly id: string } | null };

export type PlansQueryVariables = Exact<{ [key: string]: never; }>;


export type PlansQuery = { readonly billing_plans: ReadonlyArray<{ readonly id: string, readonly name: string, readonly price_cents: number, readonly rate_limit_per_minute: number, readonly limits: ReadonlyArray<{ readonly metric: string, readonly limit_value: number | null, readonly enforcement: string }>, readonly features: ReadonlyArray<{ readonly feature: string }> }> };

export const DecisionFragmentDoc = gql`
    fragment Decision on UsageDecision {
  allowed
  reason
  metric
  amount
  used
  reserved
  limit
  remaining
  resetsAt
  retryAfterSeconds
  reservationId
  upgrade {
    planId
    name
    priceCents
  }
}
    `;
export const UsageRowFragmentDoc = gql`
    fragment UsageRow on usage_current {
  metric
  kind
  unit
  used
  reserved
  limit_value
  remaining
  percent
  status
  period_start
  resets_at
}
    `;
export const CheckUsageDocument = gql`
    query CheckUsage($workspaceId: uuid!, $metric: String!, $amount: bigint) {
  checkUsage(workspaceId: $workspaceId, metric: $metric, amount: $amount) {
    ...Decision
  }
}
    ${DecisionFragmentDoc}`;
export const ConsumeUsageDocument = gql`
    mutation ConsumeUsage($workspaceId: uuid!, $metric: String!, $amount: bigint, $idempotencyKey: String, $required: Boolean) {
  consumeUsage(
    workspaceId: $workspaceId
    metric: $metric
    amount: $amount
    idempotencyKey: $idempotencyKey
    required: $required
  ) {
    ...Decision
  }
}
    ${DecisionFragmentDoc}`;
export const ReserveUsageDocument = gql`
    mutation ReserveUsage($workspaceId: uuid!, $metric: String!, $amount: bigint, $idempotencyKey: String, $required: Boolean, $ttlSeconds: Int) {
  reserveUsage(
    workspaceId: $workspaceId
    metric: $metric
    amount: $amount
    idempotencyKey: $idempotencyKey
    required: $required
    ttlSeconds: $ttlSeconds
  ) {
    ...Decision
  }
}
    ${DecisionFragmentDoc}`;
export const CommitUsageDocument = gql`
    mutation CommitUsage($workspaceId: uuid!, $reservationId: uuid!, $amount: bigint) {
  commitUsage(
    workspaceId: $workspaceId
    reservationId: $reservationId
    amount: $amount
  ) {
    ...Decision
  }
}
    ${DecisionFragmentDoc}`;
export const ReleaseUsageDocument = gql`
    mutation ReleaseUsage($workspaceId: uuid!, $reservationId: uuid!) {
  releaseUsage(workspaceId: $workspaceId, reservationId: $reservationId) {
    ...Decision
  }
}
    ${DecisionFragmentDoc}`;
export const SuggestUpgradeDocument = gql`
    query SuggestUpgrade($workspaceId: uuid!) {
  suggestUpgrade(workspaceId: $workspaceId) {
    currentPlanId
    metrics
    recommendation
    why
    pressing {
      metric
      reason
      used
      reserved
      limit
      projected
      fullAt
    }
    upgrade {
      planId
      name
      priceCents
    }
    addOns {
      addOnId
      name
      quantity
      priceCents
    }
    downgrade {
      planId
      name
      priceCents
    }
  }
}
    `;
export const CurrentUsageRowsDocument = gql`
    query CurrentUsageRows {
  usage_current(order_by: {metric: asc}) {
    ...UsageRow
  }
}
    ${UsageRowFragmentDoc}`;
export const WatchUsageDocument = gql`
    subscription WatchUsage {
  usage_current(order_by: {metric: asc}) {
    ...UsageRow
  }
}
    ${UsageRowFragmentDoc}`;
export const WatchMetricDocument = gql`
    subscription WatchMetric($metric: String!) {
  usage_current(where: {metric: {_eq: $metric}}) {
    ...UsageRow
  }
}
    ${UsageRowFragmentDoc}`;
export const UsageAlertsDocument = gql`
    query UsageAlerts($limit: Int = 50) {
  usage_alerts(order_by: {created_at: desc}, limit: $limit) {
    id
    metric
    period_start
    threshold_percent
    used
    limit_value
    created_at
    acknowledged_at
  }
}
    `;
export const UsageDocument = gql`
    query Usage($workspaceId: uuid!, $period: String) {
  getCurrentUsage(workspaceId: $workspaceId, period: $period) {
    workspaceId
    period
    periodStart
    resetsAt
    planId
    metrics {
      metric
      kind
      unit
      used
      reserved
      limit
      remaining
      percent
      status
      peak
    }
  }
}
    `;
export const WorkspaceDocument = gql`
    query Workspace {
  workspaces {
    id
    name
    slug
    members(order_by: {created_at: asc}) {
      role
      user {
        id
        display_name
      }
    }
    channels(order_by: {name: asc}) {
      id
      name
      archived_at
    }
  }
}
    `;
export const CreateChannelDocument = gql`
    mutation CreateChannel($name: String!) {
  insert_channels_one(object: {name: $name}) {
    id
    name
  }
}
    `;
export const SendMessageDocument = gql`
    mutation SendMessage($channelId: uuid!, $body: String!) {
  insert_messages_one(object: {channel_id: $channelId, body: $body}) {
    id
    created_at
  }
}
    `;
export const DeleteMessageDocument = gql`
    mutation DeleteMessage($id: uuid!, $at: timestamptz!) {
  update_messages_by_pk(pk_columns: {id: $id}, _set: {deleted_at: $at}) {
    id
  }
}
    `;
export const AddFileDocument = gql`
    mutation AddFile($name: String!, $sizeBytes: bigint!) {
  insert_files_one(object: {name: $name, size_bytes: $sizeBytes, status: "ready"}) {
    id
  }
}
    `;
export const PlansDocument = gql`
    query Plans {
  billing_plans(order_by: {rank: asc}) {
    id
    name
    price_cents
    rate_limit_per_minute
    limits(order_by: {metric: asc}) {
      metric
      limit_value
      enforcement
    }
    features(order_by: {feature: asc}) {
      feature
    }
  }
}
    `;

export type SdkFunctionWrapper = <T>(action: (requestHeaders?:Record<string, string>) => Promise<T>, operationName: string, operationType?: string, variables?: any) => Promise<T>;


const defaultWrapper: SdkFunctionWrapper = (action, _operationName, _operationType, _variables) => action();

export function getSdk(client: GraphQLClient, withWrapper: SdkFunctionWrapper = defaultWrapper) {
  return {
    CheckUsage(variables: CheckUsageQueryVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<CheckUsageQuery> {
      return withWrapper((wrappedRequestHeaders) => client.request<CheckUsageQuery>({ document: CheckUsageDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'CheckUsage', 'query', variables);
    },
    ConsumeUsage(variables: ConsumeUsageMutationVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<ConsumeUsageMutation> {
      return withWrapper((wrappedRequestHeaders) => client.request<ConsumeUsageMutation>({ document: ConsumeUsageDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'ConsumeUsage', 'mutation', variables);
    },
    ReserveUsage(variables: ReserveUsageMutationVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<ReserveUsageMutation> {
      return withWrapper((wrappedRequestHeaders) => client.request<ReserveUsageMutation>({ document: ReserveUsageDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'ReserveUsage', 'mutation', variables);
    },
    CommitUsage(variables: CommitUsageMutationVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<CommitUsageMutation> {
      return withWrapper((wrappedRequestHeaders) => client.request<CommitUsageMutation>({ document: CommitUsageDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'CommitUsage', 'mutation', variables);
    },
    ReleaseUsage(variables: ReleaseUsageMutationVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<ReleaseUsageMutation> {
      return withWrapper((wrappedRequestHeaders) => client.request<ReleaseUsageMutation>({ document: ReleaseUsageDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'ReleaseUsage', 'mutation', variables);
    },
    SuggestUpgrade(variables: SuggestUpgradeQueryVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<SuggestUpgradeQuery> {
      return withWrapper((wrappedRequestHeaders) => client.request<SuggestUpgradeQuery>({ document: SuggestUpgradeDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'SuggestUpgrade', 'query', variables);
    },
    CurrentUsageRows(variables?: CurrentUsageRowsQueryVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<CurrentUsageRowsQuery> {
      return withWrapper((wrappedRequestHeaders) => client.request<CurrentUsageRowsQuery>({ document: CurrentUsageRowsDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'CurrentUsageRows', 'query', variables);
    },
    WatchUsage(variables?: WatchUsageSubscriptionVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<WatchUsageSubscription> {
      return withWrapper((wrappedRequestHeaders) => client.request<WatchUsageSubscription>({ document: WatchUsageDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'WatchUsage', 'subscription', variables);
    },
    WatchMetric(variables: WatchMetricSubscriptionVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<WatchMetricSubscription> {
      return withWrapper((wrappedRequestHeaders) => client.request<WatchMetricSubscription>({ document: WatchMetricDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'WatchMetric', 'subscription', variables);
    },
    UsageAlerts(variables?: UsageAlertsQueryVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<UsageAlertsQuery> {
      return withWrapper((wrappedRequestHeaders) => client.request<UsageAlertsQuery>({ document: UsageAlertsDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'UsageAlerts', 'query', variables);
    },
    Usage(variables: UsageQueryVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<UsageQuery> {
      return withWrapper((wrappedRequestHeaders) => client.request<UsageQuery>({ document: UsageDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'Usage', 'query', variables);
    },
    Workspace(variables?: WorkspaceQueryVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<WorkspaceQuery> {
      return withWrapper((wrappedRequestHeaders) => client.request<WorkspaceQuery>({ document: WorkspaceDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'Workspace', 'query', variables);
    },
    CreateChannel(variables: CreateChannelMutationVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<CreateChannelMutation> {
      return withWrapper((wrappedRequestHeaders) => client.request<CreateChannelMutation>({ document: CreateChannelDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'CreateChannel', 'mutation', variables);
    },
    SendMessage(variables: SendMessageMutationVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<SendMessageMutation> {
      return withWrapper((wrappedRequestHeaders) => client.request<SendMessageMutation>({ document: SendMessageDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'SendMessage', 'mutation', variables);
    },
    DeleteMessage(variables: DeleteMessageMutationVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<DeleteMessageMutation> {
      return withWrapper((wrappedRequestHeaders) => client.request<DeleteMessageMutation>({ document: DeleteMessageDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'DeleteMessage', 'mutation', variables);
    },
    AddFile(variables: AddFileMutationVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<AddFileMutation> {
      return withWrapper((wrappedRequestHeaders) => client.request<AddFileMutation>({ document: AddFileDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'AddFile', 'mutation', variables);
    },
    Plans(variables?: PlansQueryVariables, requestHeaders?: GraphQLClientRequestHeaders, signal?: RequestInit['signal']): Promise<PlansQuery> {
      return withWrapper((wrappedRequestHeaders) => client.request<PlansQuery>({ document: PlansDocument, variables, requestHeaders: { ...requestHeaders, ...wrappedRequestHeaders }, signal }), 'Plans', 'query', variables);
    }
  };
}
export type Sdk = ReturnType<typeof getSdk>;