import Image from 'next/image';

export const dynamic = 'force-dynamic';

export default function Page() {
  return <main><h1>Open</h1><Image src="/images/open.svg" alt="" width={64} height={64} /></main>;
}
