export const dynamic = 'force-dynamic';

export function GET() {
  return Response.json({ text: 'open' });
}

export const POST = GET;
